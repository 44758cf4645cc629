/**
 * The authority at work: invitations, certificates, revocation. Every decision is made at the controller, one after another,
 * on cluster settings that are the newest, and is durable before it is answered: so an invitation is used once, and what is
 * revoked renews nothing. Any backend takes questions and passes them on; it has checked who asks.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../lib/failure.ts';
import type { Platform, Random } from '../../platform/platform.ts';
import { type Fields, fields, role as readRole, text, uint } from '../messages.ts';
import type { ClusterLogger, ClusterSettings, Decide, Decision, Role, SettingsWrite } from '../types.ts';
import { type Authority, fingerprint, issue } from './authority.ts';
import { isMemberName } from './identity.ts';
import type { MemberSecurity } from './member-security.ts';
import { seal, unseal } from './sealed.ts';
import {
  authorityKey,
  certificatesOf,
  formatState,
  type Invitation,
  parseState,
  pruned,
  type SecurityState,
  STATE_KEY,
  withCertificate,
  withoutCertificates,
  withoutMember,
  withRoom,
} from './state.ts';
import type { Keyring } from './types.ts';

/** Open at a time; more are refused. */
export const INVITATIONS_MAX = 64;
/** "A one-time token (an hour)", or as long as was asked for, up to this. */
export const INVITATION_MS_MAX = 7 * 24 * 3_600_000;
const HASH = /^[0-9a-f]{64}$/;
const ID = /^[0-9a-f]{16}$/;

/** What is asked of the controller, by backends only. */
export type Question =
  | { readonly kind: 'invite'; readonly invitation: Invitation }
  | { readonly kind: 'join'; readonly id: string; readonly secret: Buffer; readonly request: string }
  /** `serial`: of the certificate that the member has now. */
  | { readonly kind: 'renew'; readonly member: string; readonly serial: string; readonly request: string }
  | { readonly kind: 'revoke'; readonly member: string };

/** For joins and renewals. */
export interface Granted {
  readonly certificate: string;
  readonly member: string;
  readonly role: Role;
}

export interface RegistrarOptions {
  readonly platform: Pick<Platform, 'clock' | 'random'>;
  readonly security: MemberSecurity;
  readonly decide: Decide;
  readonly logger: ClusterLogger;
}

export class Registrar {
  readonly #o: RegistrarOptions;

  constructor(options: RegistrarOptions) {
    this.#o = options;
  }

  /** Decides. Null where nothing is answered but that it is done. */
  decide(question: Question): Promise<Granted | null> {
    return this.#o.decide(async (settings) => {
      const { platform, security } = this.#o;
      const state = pruned(stateOf(settings), saneWallMs(platform.clock, security));
      switch (question.kind) {
        case 'invite':
          return this.#invite(state, question.invitation);
        case 'join':
          return this.#join(settings, state, question);
        case 'renew':
          return this.#renew(settings, state, question);
        case 'revoke':
          return this.#revoke(state, question.member);
        default:
          return question satisfies never;
      }
    });
  }

  async #invite(state: SecurityState, invitation: Invitation): Promise<Decision<null>> {
    if (state.invitations.length >= INVITATIONS_MAX)
      throw new Failure('limit', `there are ${INVITATIONS_MAX} open invitations: wait, or revoke one`);
    const { member, role, by } = invitation;
    // Whoever has the newer one is meant.
    const others = state.invitations.filter((each) => each.member !== member);
    this.#o.logger.info({ member, role, by }, 'member invited');
    return { writes: [written({ ...state, invitations: [...others, invitation] })], answer: null };
  }

  async #join(
    settings: ClusterSettings,
    state: SecurityState,
    { id, secret, request }: Question & { kind: 'join' },
  ): Promise<Decision<Granted>> {
    const invitation = state.invitations.find((each) => each.id === id);
    // Compared also where there is none, so that time tells nothing.
    const right = sameHash(secret, invitation?.secretHash ?? ''.padEnd(64, '0'));
    if (invitation === undefined || !right) {
      this.#o.logger.warn(
        { invitation: id },
        'refused: an invitation that is used, over, or was never given',
      );
      throw new Failure('refused', 'this invitation is used or over, or was never given: ask for another');
    }
    const { member, role } = invitation;
    const used = { ...state, invitations: state.invitations.filter((each) => each.id !== id) };
    // The machine that had this name, perhaps lost, perhaps with another role, is no member any more; but for ourselves: the
    // only backend of a cluster gets another role so, and goes on until it is started with that.
    const isSelf = member === this.#o.security.self.member;
    const rest = isSelf ? used : withoutCertificates(used, member);
    const decision = await this.#issue(settings, rest, member, role, request);
    this.#o.logger.info({ member, role, by: invitation.by, serial: decision.serial }, 'member joined');
    return decision;
  }

  async #renew(
    settings: ClusterSettings,
    state: SecurityState,
    { member, serial, request }: Question & { kind: 'renew' },
  ): Promise<Decision<Granted>> {
    const present = certificatesOf(state, member).find((each) => each.serial === serial);
    // Looked at here, not only when the connection was made: revocation may have come between.
    if (present === undefined || present.notAfterMs <= this.#o.platform.clock.wallMs())
      throw new Failure('refused', `${member}: certificate ${serial} is not one of ours any more`);
    const rest = withRoom(state, member, serial);
    const decision = await this.#issue(settings, rest, member, present.role, request);
    this.#o.logger.info({ member, role: present.role, serial: decision.serial }, 'certificate renewed');
    return decision;
  }

  async #revoke(state: SecurityState, member: string): Promise<Decision<null>> {
    if (member === this.#o.security.self.member)
      throw new Failure(
        'refused',
        `${member} is the controller now: stop it, then revoke it at another backend`,
      );
    const next = withoutMember(state, member);
    this.#o.logger.warn(
      { member, serials: certificatesOf(state, member).map(({ serial }) => serial) },
      'member revoked',
    );
    return { writes: [written(next)], answer: null };
  }

  async #issue(
    settings: ClusterSettings,
    state: SecurityState,
    member: string,
    role: Role,
    request: string,
  ): Promise<Decision<Granted> & { readonly serial: string }> {
    const { platform, security } = this.#o;
    const [first] = state.authorities;
    if (first === undefined) throw new Failure('damaged', 'the cluster has no authority');
    const authority = openAuthority(settings, first, security.ring('backend'));
    const { clusterId } = security.self;
    const issued = await issue(
      authority,
      { clusterId, member, role, request },
      platform.clock.wallMs(),
      platform.random,
    );
    const { certificate, serial, notAfterMs } = issued;
    const next = withCertificate(state, member, {
      serial,
      role,
      notAfterMs,
      fingerprint: fingerprint(certificate),
      authority: first,
    });
    return { writes: [written(next)], answer: { certificate, member, role }, serial };
  }
}

/**
 * The time, for a decision that drops what is over and dates what is new. Failure 'refused' when our own certificate, which
 * others believe, says that it cannot be: what is written by it would be durable everywhere.
 */
export function saneWallMs(clock: Pick<Platform['clock'], 'wallMs'>, security: MemberSecurity): number {
  const wallMs = clock.wallMs();
  const { member, notBeforeMs, notAfterMs } = security.certificate;
  if (wallMs >= notBeforeMs && wallMs <= notAfterMs) return wallMs;
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  throw new Failure(
    'refused',
    `the clock of ${member} says ${day(wallMs)}, and its certificate holds from ${day(notBeforeMs)} to ${day(notAfterMs)}: set the clock`,
  );
}

/** The authority's certificate and key out of the cluster settings; `ring` is that of backends. */
export function openAuthority(
  settings: Pick<ClusterSettings, 'value'>,
  id: string,
  ring: Keyring,
): Authority {
  const key = authorityKey(id);
  const sealed = settings.value(key);
  if (sealed === undefined) throw new Failure('damaged', `cluster settings: ${key} is missing`);
  return JSON.parse(unseal(ring, key, sealed).toString('utf8')) as Authority;
}

/** As it lies in the cluster settings. */
export function sealAuthority(
  authority: Authority,
  id: string,
  ring: Keyring,
  random: Random,
): SettingsWrite {
  const key = authorityKey(id);
  return { key, value: seal(ring, key, Buffer.from(JSON.stringify(authority)), random) };
}

export function stateOf(settings: ClusterSettings): SecurityState {
  const state = parseState(settings.value(STATE_KEY));
  if (state === undefined) throw new Failure('unavailable', 'this cluster has no authority');
  return state;
}

export function written(state: SecurityState): SettingsWrite {
  return { key: STATE_KEY, value: formatState(state) };
}

/** A question as it came over the bus. Failure 'invalid'. */
export function readQuestion(body: unknown): Question {
  const it = fields(body, 'question');
  switch (it.kind) {
    case 'invite':
      return { kind: 'invite', invitation: readInvitation(fields(it.invitation, 'invitation')) };
    case 'join': {
      const { secret } = it;
      if (!Buffer.isBuffer(secret)) throw new Failure('invalid', 'question: secret');
      return { kind: 'join', id: matching(it.id, ID, 'id'), secret, request: readRequest(it.request) };
    }
    case 'renew':
      return {
        kind: 'renew',
        member: readName(it.member),
        serial: text(it.serial, 'serial'),
        request: readRequest(it.request),
      };
    case 'revoke':
      return { kind: 'revoke', member: readName(it.member) };
    default:
      throw new Failure('invalid', 'question: unknown kind');
  }
}

function readInvitation(it: Fields): Invitation {
  const role = readRole(it.role);
  if (role === 'standalone') throw new Failure('invalid', 'a member of a cluster does not stand alone');
  return {
    role,
    id: matching(it.id, ID, 'id'),
    secretHash: matching(it.secretHash, HASH, 'hash'),
    member: readName(it.member),
    expiresMs: uint(it.expiresMs, 'time'),
    by: text(it.by, 'member'),
    host: text(it.host, 'host'),
    port: uint(it.port, 'port'),
  };
}

/** Octets of a request for a certificate; `issue` looks at what is in it. */
const REQUEST_LENGTH_MAX = 4096;

export function readRequest(value: unknown): string {
  if (typeof value !== 'string' || value.length > REQUEST_LENGTH_MAX)
    throw new Failure('invalid', 'not a request for a certificate');
  return value;
}

export function readName(value: unknown): string {
  const name = text(value, 'member');
  if (!isMemberName(name)) throw new Failure('invalid', `not a member's name: ${JSON.stringify(name)}`);
  return name;
}

function matching(value: unknown, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw new Failure('invalid', `question: ${what}`);
  return value;
}

export function hashOf(secret: Buffer): string {
  return createHash('sha256').update(secret).digest('hex');
}

function sameHash(secret: Buffer, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(secret), 'hex'), Buffer.from(hash, 'hex'));
}
