/**
 * Keys of the cluster in a running supervisor: the bus services (`security.…`), what follows the settings, the door for
 * invited machines. Decisions are the controller's; a backend that is asked passes them on after it has looked who asks.
 */
import { Failure } from '../../lib/failure.ts';
import type { Address, Platform, Timer } from '../../platform/platform.ts';
import { sameAddress } from '../addresses.ts';
import type { Bus, CallContext } from '../bus/types.ts';
import { fields, role as readRole, Service, text, uint } from '../messages.ts';
import { isBackendRole } from '../roles.ts';
import type { ClusterLogger, ClusterSettings, MemberStatus, Role, WatchedSettings } from '../types.ts';
import { type Decide } from '../types.ts';
import { Door, type JoinRequest } from './door.ts';
import { Follower, keysFor, type StoreFiles, touchesState } from './follower.ts';
import type { MemberSecurity } from './member-security.ts';
import {
  type Granted,
  hashOf,
  INVITATION_MS_MAX,
  type Question,
  Registrar,
  readName,
  readQuestion,
  readRequest,
  stateOf,
} from './registrar.ts';
import { held, type RotationOptions, renewed, rotate, type SealedElsewhere } from './rotation.ts';
import { type Invitation, parseState, revokedSerials, STATE_KEY } from './state.ts';
import { formatToken, SECRET_OCTETS } from './token.ts';
import type { MemberIdentity } from './types.ts';

const ID_OCTETS = 8;
const DECIDE_TIMEOUT_MS = 15_000;
const ROTATE_TIMEOUT_MS = 120_000;

export interface SecurityServiceOptions {
  readonly platform: Pick<Platform, 'clock' | 'net' | 'random'>;
  readonly bus: Bus;
  readonly security: MemberSecurity;
  /** Of the cluster: settings, members, who controls. */
  readonly node: {
    status(): readonly MemberStatus[];
    controller(): { readonly address: Address } | undefined;
    isController(): boolean;
    readonly decide: Decide;
    readonly settings: ClusterSettings;
    changeSettings(change: unknown, options: { readonly timeoutMs: number }): Promise<unknown>;
  };
  /** Supervisors of backends that are asked first (BackendAddresses). */
  readonly seeds: readonly Address[];
  readonly elsewhere: SealedElsewhere;
  readonly store: StoreFiles;
  readonly logger: ClusterLogger;
}

export class SecurityService {
  readonly #o: SecurityServiceOptions;
  readonly #registrar: Registrar;
  readonly #follower: Follower;
  readonly #door: Door;
  #rotating: Promise<void> | undefined;
  /** Invitations being made: their door must not be closed before the settings show them. */
  #inviting = 0;
  #doorTimer: Timer | undefined;
  #minding: Promise<void> = Promise.resolve();
  #unfollow: (() => void) | undefined;
  #stopped = false;

  constructor(options: SecurityServiceOptions) {
    this.#o = options;
    const { platform, bus, security, logger, store } = options;
    this.#registrar = new Registrar({ platform, security, logger, decide: options.node.decide });
    this.#follower = new Follower({
      bus,
      security,
      store,
      logger,
      clock: platform.clock,
      backends: () => this.#backends(),
    });
    const { host } = bus.self.address;
    this.#door = new Door({ platform, security, host, logger, join: (request) => this.#join(request) });
  }

  /** Registers the services. */
  serve(): void {
    const { bus, security } = this.#o;
    bus.serve(Service.securityHolds, () => held(security));
    if (!isBackendRole(security.self.role)) return;
    bus.serve(Service.securityKeys, (_, context) => {
      const { role } = provenOf(context);
      // Until then a certificate is good by its signature alone, and a revoked backend can make one.
      if (!security.hasList) throw new Failure('unavailable', 'who is a member is not known here yet');
      return keysFor(security, isBackendRole(role));
    });
    bus.serve(Service.securityRenew, (body, context) => {
      const { member } = provenOf(context);
      const { serial, request } = fields(body, 'question');
      return this.#decide({
        kind: 'renew',
        member,
        serial: text(serial, 'serial'),
        request: readRequest(request),
      });
    });
    bus.serve(Service.securityInvite, (body) => this.#invite(fields(body, 'question')));
    bus.serve(Service.securityRevoke, (body) =>
      this.#decide({ kind: 'revoke', member: readName(fields(body, 'question').member) }),
    );
    bus.serve(Service.securityDecide, (body) => this.#registrar.decide(readQuestion(body)));
    bus.serve(Service.securityRotate, () => this.#rotate());
  }

  /** Follows the settings from now on. */
  follow(settings: WatchedSettings): void {
    this.#unfollow = settings.onChange((delta) => {
      if (!touchesState(delta)) return;
      this.#follower.settings(settings);
      void this.#mindDoor(settings);
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unfollow?.();
    this.#follower.stop();
    this.#doorTimer?.cancel();
    await this.#door.close();
  }

  /** The controller's first: it has the newest. */
  #backends(): readonly Address[] {
    const { node, seeds } = this.#o;
    const controller = node.controller()?.address;
    const known = node
      .status()
      .filter(({ role, state }) => isBackendRole(role) && state !== 'gone')
      .map(({ address }) => address);
    const all = [...(controller === undefined ? [] : [controller]), ...known, ...seeds];
    return all.filter((each, at) => all.findIndex((other) => sameAddress(other, each)) === at);
  }

  async #decide(question: Question): Promise<Granted | null> {
    if (this.#o.node.isController()) return this.#registrar.decide(question);
    const answer = await this.#atController(Service.securityDecide, question, DECIDE_TIMEOUT_MS);
    return answer as Granted | null;
  }

  /** The invitation names where we listen for who comes, and is stored before it is printed. */
  async #invite(asked: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const member = readName(asked.member);
    const role = readRole(asked.role);
    const forMs = Math.min(uint(asked.forMs, 'time'), INVITATION_MS_MAX);
    this.#inviting++;
    try {
      return await this.#inviteAt(await this.#door.open(0), { member, role, forMs });
    } finally {
      this.#inviting--;
      // It may not have been decided, and then nothing in the settings changes.
      void this.#mindDoor(this.#o.node.settings);
    }
  }

  async #inviteAt(
    at: Address,
    { member, role, forMs }: { readonly member: string; readonly role: Role; readonly forMs: number },
  ): Promise<Record<string, unknown>> {
    const { platform, security } = this.#o;
    const { clock, random } = platform;
    const id = random.bytes(ID_OCTETS).toString('hex');
    const secret = random.bytes(SECRET_OCTETS);
    const expiresMs = clock.wallMs() + forMs;
    const { self, files } = security;
    const invitation: Invitation = {
      id,
      secretHash: hashOf(secret),
      member,
      role,
      expiresMs,
      by: self.member,
      ...at,
    };
    await this.#decide({ kind: 'invite', invitation });
    const token = formatToken({ at, id, secret, clusterId: self.clusterId, authorities: files.authorities });
    return { token, expiresMs };
  }

  /** What a machine that came with its invitation gets: its certificate, and what its role may have. */
  async #join({ id, secret, request }: JoinRequest): Promise<Record<string, unknown>> {
    const granted = await this.#decide({ kind: 'join', id, secret, request });
    if (granted === null) throw new Failure('unknown', 'no answer from the controller');
    const { certificate, member, role } = granted;
    const { clusterId } = this.#o.security.self;
    const backends = this.#backends();
    return {
      certificate,
      member,
      role,
      clusterId,
      backends,
      revoked: revokedSerials(stateOf(this.#o.node.settings)),
      ...keysFor(this.#o.security, isBackendRole(role)),
    };
  }

  /** Open while there is an invitation of ours; after a restart where it was. Never rejects. */
  #mindDoor(settings: ClusterSettings): Promise<void> {
    // One after another: a port that is being closed cannot be opened again.
    this.#minding = this.#minding.then(() => this.#openOrClose(settings));
    return this.#minding;
  }

  async #openOrClose(settings: ClusterSettings): Promise<void> {
    const { platform, security, logger } = this.#o;
    try {
      const state = parseState(settings.value(STATE_KEY));
      const now = platform.clock.wallMs();
      const ours = (state?.invitations ?? []).filter(
        ({ by, expiresMs }) => by === security.self.member && expiresMs > now,
      );
      const [first] = ours;
      this.#mindLater(
        settings,
        ours.map(({ expiresMs }) => expiresMs - now),
      );
      if (this.#stopped || (first === undefined && this.#inviting === 0)) await this.#door.close();
      else if (first !== undefined && !this.#door.isOpen) await this.#door.open(first.port);
    } catch (err) {
      logger.warn({ err }, 'the door for invited machines cannot be opened again: invite them anew');
    }
  }

  /** When the next invitation of ours is over: that changes no settings. */
  #mindLater(settings: ClusterSettings, leftMs: readonly number[]): void {
    this.#doorTimer?.cancel();
    if (this.#stopped || leftMs.length === 0) return;
    this.#doorTimer = this.#o.platform.clock.timer(
      Math.min(...leftMs) + 1,
      () => void this.#mindDoor(settings),
    );
  }

  #rotate(): Promise<unknown> {
    const { platform, bus, security, node, elsewhere, store, logger } = this.#o;
    if (!node.isController()) return this.#atController(Service.securityRotate, null, ROTATE_TIMEOUT_MS);
    const options: RotationOptions = {
      platform,
      bus,
      security,
      elsewhere,
      store,
      logger,
      decide: node.decide,
      settings: node.settings,
      change: (change) => node.changeSettings(change, { timeoutMs: DECIDE_TIMEOUT_MS }),
      members: () =>
        node
          .status()
          .filter(({ name, state }) => state !== 'gone' && name !== security.self.member)
          .map(({ name, address, role }) => ({ name, address, isBackend: isBackendRole(role) })),
    };
    // Asked twice at once it is done once.
    this.#rotating ??= this.#follower
      .without(() => rotate(options))
      .then(() => renewed(options))
      .finally(() => {
        this.#rotating = undefined;
      });
    return this.#rotating;
  }

  async #atController(service: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const controller = this.#o.node.controller();
    if (controller === undefined) throw new Failure('unavailable', 'there is no controller now: try again');
    return this.#o.bus.call(controller.address, service, body, { timeoutMs });
  }
}

/** Where there are no certificates there are no keys to give away. */
function provenOf({ from }: CallContext): MemberIdentity {
  if (from.proven === undefined) throw new Failure('refused', 'who asks has no certificate');
  return from.proven;
}
