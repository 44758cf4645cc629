/**
 * Who may ask a service of the bus, and who may answer it: one table. What is not in it is refused. The second column is
 * as much of a right as the first: a frontend that answered for an owner, or as the controller, would act as one.
 *
 * Handlers look closer where the body names somebody: a renewal is for the member that sends it, and so on
 * (docs/doors.md, "Rights").
 */
import { Service } from '../messages.ts';
import { isBackendRole } from '../roles.ts';
import type { MemberIdentity } from './types.ts';

export type Right =
  /** A certificate with the role backend, symmetric or standalone. */
  | 'backend'
  /** Any member's certificate. */
  | 'member'
  /** Another process of the same member, with the same role: a name may have been given to another machine since. */
  | 'own'
  | 'own or backend';

export interface Rule {
  readonly asks: Right;
  readonly answers: Right;
}

const rule = (asks: Right, answers: Right): Rule => ({ asks, answers });

/** By name of the call, notice or stream. An object literal: a name that stands twice does not compile. */
const TABLE = {
  // Coordination. A supervisor passes the controller's statement on to its own workers.
  [Service.supervisorStatement]: rule('backend', 'member'),
  [Service.workerStatement]: rule('own or backend', 'member'),
  [Service.hello]: rule('own', 'own'),
  [Service.report]: rule('member', 'backend'),
  [Service.renew]: rule('member', 'backend'),
  [Service.ask]: rule('member', 'member'),
  [Service.leases]: rule('backend', 'backend'),
  [Service.map]: rule('member', 'backend'),
  [Service.members]: rule('member', 'backend'),
  [Service.settings]: rule('member', 'backend'),
  [Service.change]: rule('member', 'backend'),
  // Administration, which any member answers; what it can do at worst is a move a turn within the budget of all moves.
  [Service.moveSlot]: rule('member', 'backend'),
  // Whoever passes a call on could answer it as it likes: backends only.
  [Service.relay]: rule('member', 'backend'),
  [Service.relayData]: rule('member', 'backend'),
  [Service.workerPing]: rule('member', 'member'),
  // Owners of slots, asked by who faces clients.
  'directory.resolve': rule('member', 'backend'),
  'directory.entry': rule('member', 'backend'),
  'directory.create': rule('member', 'backend'),
  'directory.change': rule('member', 'backend'),
  'directory.list': rule('member', 'backend'),
  'directory.verify': rule('member', 'backend'),
  'directory.scram': rule('member', 'backend'),
  'directory.set-password': rule('member', 'backend'),
  'mail.deliver': rule('member', 'backend'),
  'imap.session': rule('member', 'backend'),
  'pop.session': rule('member', 'backend'),
  // Log-ins are counted by owners of slots, and told by who faces clients.
  'login.address': rule('member', 'backend'),
  'login.address-note': rule('member', 'backend'),
  'login.administrator': rule('member', 'backend'),
  'login.administrator-note': rule('member', 'backend'),
  // Between owners.
  'directory.step': rule('backend', 'backend'),
  'directory.intent': rule('backend', 'backend'),
  // What takes two backends to find out about their storage.
  'storage.self-test': rule('backend', 'backend'),
  // Figures: whichever process of a member is asked for them asks the others.
  'member.samples': rule('own', 'own'),
  // `bin/postern cluster …`, with the member's certificate, asks its supervisor.
  'member.cluster': rule('own', 'own'),
  // Keys of the cluster.
  [Service.securityDecide]: rule('backend', 'backend'),
  [Service.securityInvite]: rule('backend', 'backend'),
  [Service.securityRevoke]: rule('backend', 'backend'),
  [Service.securityRotate]: rule('backend', 'backend'),
  [Service.securityRenew]: rule('member', 'backend'),
  [Service.securityKeys]: rule('member', 'backend'),
  [Service.securityHolds]: rule('backend', 'member'),
} satisfies Record<string, Rule>;

export const RIGHTS: ReadonlyMap<string, Rule> = new Map(Object.entries(TABLE));

/** Why a peer may not ask this of us, or undefined. */
export function refuseAsker(
  service: string,
  asker: MemberIdentity,
  self: MemberIdentity,
): string | undefined {
  const right = RIGHTS.get(service)?.asks;
  if (right !== undefined && holds(right, asker, self)) return undefined;
  return `${asker.member} (${asker.role}) has no right to ask ${service}`;
}

/** Why a peer's answer to this would not be believed, or undefined. */
export function refuseAnswerer(
  service: string,
  answerer: MemberIdentity,
  self: MemberIdentity,
): string | undefined {
  const right = RIGHTS.get(service)?.answers;
  if (right !== undefined && holds(right, answerer, self)) return undefined;
  return `${answerer.member} (${answerer.role}) has no right to answer ${service}`;
}

function holds(right: Right, who: MemberIdentity, self: MemberIdentity): boolean {
  switch (right) {
    case 'member':
      return true;
    case 'backend':
      return isBackendRole(who.role);
    case 'own':
      return isOwn(who, self);
    case 'own or backend':
      return isOwn(who, self) || isBackendRole(who.role);
    default:
      return right satisfies never;
  }
}

function isOwn(who: MemberIdentity, self: MemberIdentity): boolean {
  return who.member === self.member && who.role === self.role;
}
