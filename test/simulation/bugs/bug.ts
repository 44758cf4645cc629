/**
 * A bug that is put into the simulated cluster on purpose, to see that the checks find it. It stands between two layers
 * (each hook passes everything on unchanged unless a bug takes its place) or, where no seam reaches the place, replaces
 * exact text of a source file as it is loaded (source-changes.ts): our sources know nothing of any of it.
 */
import type { Bus } from '../../../src/cluster/bus/types.ts';
import type { ClusterTimes } from '../../../src/cluster/types.ts';
import type { Fs, Net } from '../../../src/platform/platform.ts';
import type { OpenLog, SlotHolder } from '../../../src/store/host/types.ts';
import type { SimProcess } from '../machine.ts';
import type { Sabotage } from '../mail/saboteur.ts';
import type { Shape } from '../mail/shape.ts';
import type { Harm } from '../nemesis.ts';
import type { SourceChange } from './source-changes.ts';

export interface Bug {
  readonly name: string;
  /** The promise that it breaks, for a person: where the architecture makes it, and how it is broken. */
  readonly breaks: string;
  /** What is told when it is found. That something takes too long shows nothing: there are a hundred reasons. */
  readonly finds: RegExp;
  /** Seeds that found it when somebody last looked: tried first. */
  readonly known: readonly number[];
  /** The arrangement that the bug needs, where not just any. */
  readonly shape?: Partial<Shape>;
  /** What the nemesis does, where not everything: the harm that the bug needs, so that few seeds find it. */
  readonly harms?: readonly Harm[];
  /** Share of harms that last longer than a lease. */
  readonly longShare?: number;
  /** What the saboteur does at the instants of writes; where not everything. */
  readonly sabotage?: readonly Sabotage[];
  /** Share of the registrars' turns that send mail: where the accounts that they make must have logs. */
  readonly mailShare?: number;
  readonly fs?: (fs: Fs, process: SimProcess) => Fs;
  readonly net?: (net: Net, process: SimProcess) => Net;
  readonly bus?: (bus: Bus, process: SimProcess) => Bus;
  readonly holder?: (holder: SlotHolder) => SlotHolder;
  readonly openLog?: (openLog: OpenLog) => OpenLog;
  readonly supervisorTimes?: Partial<ClusterTimes>;
  /** A supervisor that takes a child that was stopped (SIGSTOP) for one that has exited. */
  readonly takesPausedForDead?: boolean;
  readonly sources?: readonly SourceChange[];
}

export const NO_BUG: Bug = { name: 'none', breaks: 'nothing', finds: /^$/, known: [] };
