/**
 * Log-ins as any member checks them: finds out whose name it is, asks the owner of the client's address and the owner of
 * the account, waits where one of them says so, and tells what came of it. Who is checked where: locate.ts; what limits
 * there are: limits/.
 *
 * Invariants: a refusal tells nothing about whether the name leads anywhere, neither by its text nor by its time; the
 * address was told of a wrong password before the client is.
 */
import type { ClusterSettings, SlotRouter } from '../cluster/types.ts';
import type { Names } from '../directory/names.ts';
import { Failure } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Random } from '../platform/platform.ts';
import type { DomainId, ObjectId } from '../store/ids.ts';
import { slotOfObject } from '../store/slots.ts';
import { Administrators } from './administrators.ts';
import { type CheckAnswer, readAnswer, readScramSalt, type ScramSalt, writeEvidence } from './answers.ts';
import { makeCredentials, type PasswordHasher } from './credentials.ts';
import type { Decoys } from './decoys.ts';
import { type Evidence, Judge } from './judge.ts';
import type { Admission } from './limits/account-limits.ts';
import type { AddressStand } from './limits/address-limits.ts';
import { LimitsClient } from './limits/client.ts';
import { LimitsLog } from './limits/log.ts';
import { type DomainByAddress, locate, type Target } from './locate.ts';
import type { RememberedLogins } from './remembered.ts';
import { isPassword } from './scram.ts';
import type { AuthenticatedAs, Authenticator, LoginAttempt, ScramExchange } from './types.ts';

export interface AuthenticatorOptions {
  readonly names: Names;
  readonly router: SlotRouter;
  readonly settings: ClusterSettings;
  readonly hasher: PasswordHasher;
  readonly random: Random;
  readonly remembered: RememberedLogins;
  readonly decoys: Decoys;
  readonly logger: Pick<Logger, 'warn'>;
  /** Which domain has an IP address of ours; absent: none has. */
  readonly domainByAddress?: DomainByAddress;
  /** Told of each log-in that has to wait, for the figures. */
  readonly slowed?: (service: string) => void;
}

export { administratorKey } from './administrators.ts';

const SET_TIMEOUT_MS = 15_000;
/**
 * A refusal is told at a multiple of this after the question, so that its time does not say whether an account was there
 * to be opened, nor where it is.
 */
const REFUSAL_MS = 500;
/** The same for the salt of SCRAM, which everybody gets. */
const SALT_MS = 50;
/** An owner's order to wait may grow while it is followed, by other guesses; it reaches its maximum long before this. */
const WAITS_MAX = 6;

/** One log-in on its way. */
interface Gate {
  readonly login: string;
  readonly attempt: LoginAttempt;
  readonly target: Target;
  readonly stand: AddressStand & { readonly address: string };
}

interface Verified {
  readonly who: AuthenticatedAs;
  readonly serverSignature: Buffer | undefined;
}

type Checked =
  | ({ readonly kind: 'right' } & Verified)
  | { readonly kind: 'wrong'; readonly isRepeated: boolean }
  | Exclude<Admission, { readonly kind: 'go' }>;

export class ClusterAuthenticator implements Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #limits: LimitsClient;
  readonly #log: LimitsLog;
  readonly #administrators: Administrators;

  constructor(options: AuthenticatorOptions) {
    const { router, settings, decoys, logger, names } = options;
    this.#options = options;
    this.#limits = new LimitsClient(router, names.clock);
    this.#log = new LimitsLog(logger, names.clock);
    const judge = new Judge(options);
    this.#administrators = new Administrators({ settings, judge, limits: this.#limits, decoys });
  }

  async verifyPassword(login: string, password: string, attempt: LoginAttempt): Promise<AuthenticatedAs> {
    const startMs = this.#options.names.clock.monotonicMs();
    // Refused before any hashing, whoever it is for: what cannot be a password is nobody's.
    if (!isPassword(password)) {
      await this.#untilNext(REFUSAL_MS, startMs);
      throw refused();
    }
    // Side by side: neither looks at the password.
    const [target, stand] = await Promise.all([
      this.#locate(login, attempt),
      this.#limits.address(attempt.remoteHost),
    ]);
    const gate: Gate = { login, attempt, target, stand };
    return (await this.#verify(gate, { kind: 'password', password }, startMs)).who;
  }

  async beginScram(login: string, attempt: LoginAttempt): Promise<ScramExchange> {
    const { clock } = this.#options.names;
    const startMs = clock.monotonicMs();
    const target = await this.#locate(login, attempt);
    const { salt, iterations } = await this.#salt(target, attempt);
    await this.#untilNext(SALT_MS, startMs);
    return {
      salt,
      iterations,
      verify: async (authMessage, proof) => {
        const verifyMs = clock.monotonicMs();
        // Asked now, not before: exchanges that were begun in good times are no stock of guesses for bad ones.
        const stand = await this.#limits.address(attempt.remoteHost);
        const gate: Gate = { login, attempt, target, stand };
        const evidence: Evidence = { kind: 'proof', authMessage, proof };
        const { who, serverSignature } = await this.#verify(gate, evidence, verifyMs);
        if (serverSignature === undefined) throw new Failure('unavailable', 'the owner has not signed');
        return { who, serverSignature };
      },
    };
  }

  /** The credentials record of a password, to create an account or an administrator with. */
  makeCredentials(password: string): Promise<Buffer> {
    return makeCredentials(this.#options.hasher, this.#options.random, password);
  }

  /** Failure 'not-found', 'invalid', 'unavailable'. */
  async setPassword(domainId: DomainId, name: string, password: string): Promise<void> {
    await this.setPasswordOf(await this.#options.names.find(domainId, name), password);
  }

  /** The same for whoever the account is now: a session's own, whatever it is called by now. */
  async setPasswordOf(object: ObjectId, password: string): Promise<void> {
    const options = { timeoutMs: SET_TIMEOUT_MS, repeatable: true };
    const body = { object, password };
    await this.#options.router.call(slotOfObject(object), 'directory.set-password', body, options);
  }

  #locate(login: string, attempt: LoginAttempt): Promise<Target> {
    const { names, domainByAddress } = this.#options;
    return locate(names, domainByAddress, login, attempt);
  }

  /** Failure 'refused', 'limit', 'unavailable'. */
  async #verify(gate: Gate, evidence: Evidence, startMs: number): Promise<Verified> {
    const { attempt, stand, login } = gate;
    const checked = await this.#checkInTime(gate, evidence);
    if (checked.kind === 'right') {
      // Only where there is something to pay back for.
      if (stand.count > 0) void this.#limits.noteAddress(attempt.remoteHost, checked.who.login, 'right');
      return checked;
    }
    const isGuess = checked.kind === 'wrong' && !checked.isRepeated;
    await Promise.all([
      this.#untilNext(REFUSAL_MS, startMs),
      isGuess ? this.#limits.noteAddress(attempt.remoteHost, login, 'wrong') : undefined,
    ]);
    // To a refused address a wrong password is no news: it could tell which accounts know the address.
    throw checked.kind === 'wrong' && !stand.isRefused
      ? refused()
      : new Failure('limit', 'too many failed log-ins, try again later');
  }

  /** Waits as often as it is told to; the sum never exceeds the longest wait by much. */
  async #checkInTime(gate: Gate, evidence: Evidence): Promise<Exclude<Checked, { readonly kind: 'wait' }>> {
    let waitedMs = 0;
    for (let waits = 0; ; waits++) {
      const checked = await this.#check(gate, evidence, waitedMs);
      if (checked.kind === 'right' || checked.kind === 'wrong') return checked;
      const { by } = checked;
      const count = by === 'address' ? gate.stand.count : checked.count;
      if (checked.kind === 'limited' || waits === WAITS_MAX) {
        this.#tell(gate, { event: 'login-refused', by, count });
        return { kind: 'limited', by, count };
      }
      const { waitMs } = checked;
      this.#tell(gate, { event: 'login-slowed', by, count, waitMs });
      if (waits === 0) this.#options.slowed?.(gate.attempt.service);
      await this.#options.names.clock.sleep(waitMs);
      waitedMs += waitMs;
    }
  }

  async #check({ target, attempt, stand }: Gate, evidence: Evidence, waitedMs: number): Promise<Checked> {
    const { address, waitMs: addressWaitMs, isRefused: isAddressRefused } = stand;
    const arrival = { address, waitedMs, addressWaitMs, isAddressRefused };
    if (target.kind === 'administrator') {
      const answer = await this.#administrators.check(target.name, evidence, arrival);
      return answer.kind === 'right'
        ? { ...answer, who: { kind: 'administrator', login: target.name, object: undefined } }
        : answer;
    }
    const { object, name, slot } = target;
    const body = { object: object ?? null, name, evidence: writeEvidence(evidence), ...arrival };
    const options = { timeoutMs: attempt.timeoutMs, repeatable: true };
    const answer = readAnswer(await this.#options.router.call(slot, 'directory.verify', body, options));
    return answer.kind === 'right' ? this.#account(answer, target) : answer;
  }

  #account(
    { name, serverSignature }: CheckAnswer & { readonly kind: 'right' },
    { object }: Target & { readonly kind: 'account' },
  ): Checked {
    const domain = this.#options.settings.domainById(name.domainId);
    if (domain === undefined) return { kind: 'wrong', isRepeated: false };
    const who = { kind: 'account', login: `${name.name}@${domain.name}`, object } as const;
    return { kind: 'right', who, serverSignature };
  }

  async #salt(target: Target, attempt: LoginAttempt): Promise<ScramSalt> {
    if (target.kind === 'administrator') return this.#administrators.salt(target.name);
    const body = { object: target.object ?? null, name: target.name };
    const options = { timeoutMs: attempt.timeoutMs, repeatable: true };
    return readScramSalt(await this.#options.router.call(target.slot, 'directory.scram', body, options));
  }

  #tell(
    { login, attempt, stand }: Gate,
    what: Pick<Parameters<LimitsLog['tell']>[0], 'event' | 'by' | 'count' | 'waitMs'>,
  ): void {
    const { service } = attempt;
    this.#log.tell({ ...what, account: login, address: stand.address, service });
  }

  async #untilNext(stepMs: number, startMs: number): Promise<void> {
    const { clock } = this.#options.names;
    await clock.sleep(stepMs - ((clock.monotonicMs() - startMs) % stepMs));
  }
}

function refused(): Failure {
  return new Failure('refused', 'wrong name or password');
}
