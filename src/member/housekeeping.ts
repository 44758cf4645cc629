/**
 * What a supervisor does beside its workers: it answers for its figures, and on the controller it looks after the
 * certificates of the cluster, which needs no worker and no client.
 */
import { keepCertificates } from '../certificates/keep.ts';
import type { Bus } from '../cluster/bus/types.ts';
import { CLUSTER_EVENTS } from '../cluster/events.ts';
import type { MemberSecurity } from '../cluster/security/member-security.ts';
import type { SupervisorNode } from '../cluster/types.ts';
import { VERSION } from '../flags.ts';
import type { Logger } from '../lib/logging.ts';
import { Measures } from '../lib/measures.ts';
import type { Platform } from '../platform/platform.ts';
import { measureProcess, measureSupervisor, SUPERVISOR, serveSamples } from './samples.ts';
import type { SupervisorOptions } from './supervisor.ts';

/** A change of the settings waits for every ready member. */
const CHANGE_TIMEOUT_MS = 15_000;

export interface HouseholdOptions extends Pick<SupervisorOptions, 'role' | 'settings' | 'member'> {
  readonly platform: Platform;
  readonly bus: Bus;
  readonly node: SupervisorNode;
  readonly security: MemberSecurity;
  readonly logger: Logger;
}

export interface Household {
  /** Resolves when a change under way is over. */
  stop(): Promise<void>;
}

export function keepHouse(options: HouseholdOptions): Household {
  const { platform, bus, node, security, role, settings, member, logger } = options;
  const measures = new Measures();
  serveSamples(bus, SUPERVISOR, measures);
  measureSupervisor(measures, node, Object.keys(CLUSTER_EVENTS));
  const { AdminListener } = settings;
  const labels = { version: VERSION, role };
  const figures = AdminListener.length === 0 ? undefined : measureProcess(measures, labels, platform.clock);
  const keeping = keepCertificates({
    settings: node.settings,
    change: (change) => node.changeSettings(change, { timeoutMs: CHANGE_TIMEOUT_MS }),
    ring: () => security.ring('frontend'),
    inCharge: () => node.isController(),
    names: [settings.HostName === '' ? member : settings.HostName],
    said: (line) => process.stdout.write(`postern: ${line}\n`),
    clock: platform.clock,
    random: platform.random,
    logger: logger.child({ part: 'tls' }),
  });
  return {
    async stop() {
      figures?.[Symbol.dispose]();
      await keeping.stop();
    },
  };
}
