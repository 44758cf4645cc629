/**
 * Who may say what in the bodies of coordination messages: everybody speaks for its own member only, and a frontend for
 * nothing that has to do with leases or control. What a member may ask at all is in `rights.ts`.
 *
 * On a bus without certificates (`proven` undefined) everything is as it was said.
 */
import { Failure } from '../../lib/failure.ts';
import type { Incarnation } from '../../store/ids.ts';
import type { Peer } from '../bus/types.ts';
import type { Renewal, Report, Statement } from '../messages.ts';
import { isBackendRole } from '../roles.ts';
import type { Role } from '../types.ts';
import { SECURITY_PREFIX } from './state.ts';

/** Members as the controller's news have them. */
type Members = readonly {
  readonly name: string;
  readonly role: Role;
  readonly info: readonly { readonly incarnation: Incarnation }[];
}[];

/** A controller states for itself; a supervisor's word to its own workers is looked at by the table alone. */
export function mayState({ proven }: Peer, { member }: Statement): boolean {
  return proven === undefined || proven.member === member;
}

/** A question with a control epoch binds who answers: backends stand for control, nobody else. */
export function mayAsk({ proven }: Peer, controlEpoch: number): number {
  if (controlEpoch > 0 && proven?.role === 'frontend')
    throw new Failure('refused', `${proven.member} (frontend) does not stand for control`);
  return controlEpoch;
}

/**
 * A supervisor's report: its own name, role and deaths. A frontend's workers hold nothing, so it has no death to report
 * that would free anything, and no life socket for others to draw conclusions from. Incarnations are no secret: a worker that
 * another member lists already is that member's.
 */
export function mayReport({ proven }: Peer, report: Report, members: Members): Report {
  if (proven === undefined) return report;
  if (report.member !== proven.member || report.role !== proven.role)
    throw new Failure(
      'refused',
      `${proven.member} (${proven.role}) reports as ${report.member} (${report.role})`,
    );
  if (proven.role !== 'frontend') return report;
  const workers = report.workers
    .filter(
      ({ incarnation }) => !members.some((each) => each.name !== proven.member && lists(each, incarnation)),
    )
    .map((worker) => ({ ...worker, holds: false, life: undefined }));
  return { ...report, workers, dead: [] };
}

/**
 * A worker's renewal: its own member's, and of a frontend without anything that leases are about. Whose worker it is, a
 * frontend's word does not say: it would end the leases of whom it lists.
 */
export function mayRenew({ proven }: Peer, renewal: Renewal, members: Members): Renewal {
  if (proven === undefined) return renewal;
  const { member, worker } = renewal;
  if (member !== proven.member)
    throw new Failure('refused', `${proven.member} (${proven.role}) renews as ${member}`);
  const isAnothers = members.some(
    (each) => each.name !== member && isBackendRole(each.role) && lists(each, worker.incarnation),
  );
  if (isAnothers) throw new Failure('refused', `${member} renews for a worker of another member`);
  if (proven.role === 'frontend' && !isBare(renewal))
    throw new Failure('refused', `${member} (frontend) renews leases, which no frontend has`);
  return renewal;
}

/** Nor does a frontend have a storage whose state would tell anything of a backend's. */
function isBare({ worker, pairs, released, returned, count, largerEpoch, probeAgeMs }: Renewal): boolean {
  const said = [pairs ?? [], released, returned];
  return (
    !worker.holds &&
    count === 0 &&
    largerEpoch === undefined &&
    probeAgeMs === undefined &&
    said.every(({ length }) => length === 0)
  );
}

function lists({ info }: Members[number], wanted: Incarnation): boolean {
  return info.some(({ incarnation }) => incarnation === wanted);
}

/** Keys of the cluster are changed by the registrar's decisions, not by a change that somebody sends. */
export function mayChange({ proven }: Peer, change: unknown): unknown {
  const { key } = (typeof change === 'object' && change !== null ? change : {}) as { readonly key?: unknown };
  if (proven !== undefined && typeof key === 'string' && key.startsWith(SECURITY_PREFIX))
    throw new Failure('refused', `${proven.member} (${proven.role}) may not change ${key}`);
  return change;
}
