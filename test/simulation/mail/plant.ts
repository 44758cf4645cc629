/**
 * Where a bug can be put into a simulated cluster without a flag in our sources: each hook stands between two layers and
 * passes everything on unchanged unless a plant takes its place. `plants.ts` has the bugs.
 */
import type { Bus } from '../../../src/cluster/bus/types.ts';
import type { ClusterTimes } from '../../../src/cluster/types.ts';
import type { Fs } from '../../../src/platform/platform.ts';
import type { OpenLog, SlotHolder } from '../../../src/store/host/types.ts';
import type { SimProcess } from '../machine.ts';
import type { Harm } from '../nemesis.ts';
import type { Sabotage } from './saboteur.ts';

export interface Plant {
  readonly name: string;
  /** The broken promise that shows the bug. That something takes too long shows nothing: there are a hundred reasons. */
  readonly finds: RegExp;
  /** StorageFence of the owners; on as a rule. Without it nobody may freeze a machine together with its clock. */
  readonly fence?: boolean;
  /** What the nemesis does, where not everything: the harm that the bug needs, so that few seeds find it. */
  readonly harms?: readonly Harm[];
  /** What the saboteur does at the instants of writes; where not everything. */
  readonly sabotage?: readonly Sabotage[];
  readonly fs?: (fs: Fs, process: SimProcess) => Fs;
  readonly bus?: (bus: Bus, process: SimProcess) => Bus;
  readonly holder?: (holder: SlotHolder) => SlotHolder;
  readonly openLog?: (openLog: OpenLog) => OpenLog;
  readonly supervisorTimes?: Partial<ClusterTimes>;
  /** A supervisor that takes a child that was stopped (SIGSTOP) for one that has exited. */
  readonly takesPausedForDead?: boolean;
}

export const NO_PLANT: Plant = { name: 'none', finds: /^$/ };
