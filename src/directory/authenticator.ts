/**
 * Log-ins as any member checks them. `name@domain` is an account, checked by its owner; a name without a domain is a
 * server administrator of the cluster settings (docs/architecture.md, section 2), checked here from our copy.
 */
import type { ClusterSettings, SlotRouter } from '../cluster/types.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import type { DomainId } from '../store/ids.ts';
import { nameKey } from '../store/slot/types.ts';
import { slotOf, slotOfObject } from '../store/slots.ts';
import { localPart } from './address.ts';
import { readCount, readFields, readText } from './bodies.ts';
import { checkPassword, makeCredentials, type PasswordHasher } from './credentials.ts';
import type { Names } from './names.ts';
import type { RememberedLogins } from './remembered.ts';
import { PASSWORD_OCTETS_MAX } from './scram.ts';
import type { AuthenticatedAs, Authenticator } from './types.ts';

export interface AuthenticatorOptions {
  readonly names: Names;
  readonly router: SlotRouter;
  readonly settings: ClusterSettings;
  readonly hasher: PasswordHasher;
  readonly random: Random;
  readonly remembered: RememberedLogins;
}

/** The cluster settings' value that holds an administrator's credentials. */
export function administratorKey(name: string): string {
  return `administrator/${name}`;
}

const SET_TIMEOUT_MS = 15_000;
/**
 * A refusal is told at a multiple of this after the question, so that its time does not say whether an account was there
 * to be opened, nor where it is.
 */
const REFUSAL_MS = 500;

export class ClusterAuthenticator implements Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  async verifyPassword(login: string, password: string, timeoutMs: number): Promise<AuthenticatedAs> {
    const { clock } = this.#options.names;
    const startMs = clock.monotonicMs();
    try {
      return await this.#verify(login, password, timeoutMs);
    } catch (error) {
      if (failureCode(error) === 'refused') {
        const tookMs = clock.monotonicMs() - startMs;
        await clock.sleep(REFUSAL_MS - (tookMs % REFUSAL_MS));
      }
      throw error;
    }
  }

  async #verify(login: string, password: string, timeoutMs: number): Promise<AuthenticatedAs> {
    // Refused before any hashing, whoever it is for: what cannot be a password is nobody's.
    if (
      password === '' ||
      Buffer.byteLength(password) > PASSWORD_OCTETS_MAX ||
      /[\p{Cc}\p{Cs}]/u.test(password)
    )
      throw refused();
    return login.includes('@')
      ? this.#account(login, password, timeoutMs)
      : this.#administrator(login, password);
  }

  /** The credentials record of a password, to create an account or an administrator with. */
  makeCredentials(password: string): Promise<Buffer> {
    return makeCredentials(this.#options.hasher, this.#options.random, password);
  }

  /** Failure 'not-found', 'invalid', 'unavailable'. */
  async setPassword(domainId: DomainId, name: string, password: string): Promise<void> {
    const { names, router } = this.#options;
    const object = await names.find(domainId, name);
    const options = { timeoutMs: SET_TIMEOUT_MS, repeatable: true };
    await router.call(slotOfObject(object), 'directory.set-password', { object, password }, options);
  }

  async #administrator(login: string, password: string): Promise<AuthenticatedAs> {
    const { settings, hasher, remembered } = this.#options;
    const name = localPart(login) ?? '';
    if (settings.version < 0)
      throw new Failure('unavailable', 'the settings of the cluster are not known here yet');
    const record = settings.value(administratorKey(name));
    const who = administratorKey(name);
    const isKnown = record !== undefined && remembered.has(who, record, password);
    if (!isKnown && !(await checkPassword(hasher, record, password, who))) throw refused();
    const current = settings.value(who);
    if (record === undefined || current === undefined || !current.equals(record)) throw refused();
    remembered.add(who, record, password);
    return { kind: 'administrator', login: name, object: undefined };
  }

  /** For a name that leads nowhere the owner of its slot is asked as well: the same way, the same time. */
  async #account(login: string, password: string, timeoutMs: number): Promise<AuthenticatedAs> {
    const { names, router, settings } = this.#options;
    const address = names.parse(login) ?? NOBODY;
    const resolved = await names.resolve(address.domainId, address.name, timeoutMs);
    const object = resolved.kind === 'account' ? resolved.object : undefined;
    const slot = object === undefined ? slotOf(address.domainId, address.name) : slotOfObject(object);
    const options = { timeoutMs, repeatable: true };
    const body = { object: object ?? null, who: nameKey(address), password };
    const answer = readFields(await router.call(slot, 'directory.verify', body, options));
    const domain = settings.domainById(readCount(answer.domainId, 'domain id') as DomainId);
    if (domain === undefined) throw refused();
    return { kind: 'account', login: `${readText(answer.name, 'name')}@${domain.name}`, object };
  }
}

/** A name nobody can have: domain 0 is the cluster itself. */
const NOBODY = { domainId: 0 as DomainId, name: 'nobody' } as const;

function refused(): Failure {
  return new Failure('refused', 'wrong name or password');
}
