/**
 * Log-ins over a cluster in memory: two owners, as many frontends as a test wants, one clock that only the test moves.
 */
import { Failure, failureCode } from '../../src/lib/failure.ts';
import type { LogFields } from '../../src/lib/logging.ts';
import { ClusterAuthenticator } from '../../src/login/authenticator.ts';
import { Decoys } from '../../src/login/decoys.ts';
import { addressKey } from '../../src/login/limits/address-key.ts';
import { slotOfAddress, slotOfAdministrator } from '../../src/login/limits/slots.ts';
import { type DomainByAddress, nobody } from '../../src/login/locate.ts';
import { RememberedLogins } from '../../src/login/remembered.ts';
import { serveLogins } from '../../src/login/service.ts';
import type { LoginAttempt } from '../../src/login/types.ts';
import type { DomainId, Slot } from '../../src/store/ids.ts';
import { slotOf } from '../../src/store/slots.ts';
import { TestCluster } from '../directory/cluster.ts';
import { Prng } from '../support/prng.ts';
import { CheapHasher } from './hasher.fake.ts';

export const ONE = 1 as DomainId;
export const TWO = 2 as DomainId;
export const LOCAL = '192.0.2.1';
/** Of `joe`, ten octets as a person's is. */
export const PASSWORD = 'first of joe';

/** From an address that has nothing against it. */
export function from(remoteHost = '127.0.0.1', localHost = LOCAL): LoginAttempt {
  return { service: 'imap', remoteHost, localHost, timeoutMs: 1000 };
}

export interface Told {
  readonly message: string;
  readonly fields: LogFields;
}

export class LoginBed {
  readonly cluster: TestCluster;
  readonly hasher: CheapHasher;
  readonly random = new Prng(3);
  /** What was logged, by all frontends. */
  readonly told: Told[] = [];
  readonly frontends: ClusterAuthenticator[] = [];
  readonly decoys: Decoys;

  private constructor(
    slots: readonly Slot[],
    frontends: number,
    domainByAddress: DomainByAddress | undefined,
    hasher: CheapHasher,
  ) {
    this.hasher = hasher;
    this.cluster = new TestCluster(slots);
    const { names, settings, clock } = this.cluster;
    this.decoys = this.newDecoys();
    for (const { host, handlers } of this.cluster.workers) {
      const bus = { serve: (service: string, handler: never) => void handlers.set(service, handler) };
      const { hasher, random, decoys } = this;
      serveLogins({ bus, host, hasher, random, clock, decoys, remembered: new RememberedLogins(random) });
    }
    for (let i = 0; i < frontends; i++)
      this.frontends.push(
        new ClusterAuthenticator({
          names,
          settings,
          router: this.cluster.router(undefined),
          hasher: this.hasher,
          random: this.random,
          remembered: new RememberedLogins(this.random),
          decoys: this.decoys,
          logger: { warn: (fields, message) => void this.told.push({ fields, message }) },
          ...(domainByAddress === undefined ? {} : { domainByAddress }),
        }),
      );
  }

  /** With the account joe@one.example. `names` and `hosts`: what else will be asked for, as every slot here has an owner. */
  static async start(
    options: {
      readonly names?: readonly string[];
      readonly hosts?: readonly string[];
      readonly administrators?: readonly string[];
      /** Log-in names that can lead nowhere. */
      readonly strangers?: readonly string[];
      readonly frontends?: number;
      readonly domainByAddress?: DomainByAddress;
      readonly hasher?: CheapHasher;
    } = {},
  ): Promise<LoginBed> {
    const { names = [], hosts = [], administrators = ['postmaster'], strangers = [] } = options;
    const slots = [
      ...['joe', 'jim', 'ann', 'ghost', ...names].flatMap((name) => [slotOf(ONE, name), slotOf(TWO, name)]),
      ...hosts.map((host) => slotOfAddress(addressKey(host))),
      ...administrators.map(slotOfAdministrator),
      ...strangers.map((login) => slotOf(0 as DomainId, nobody(login))),
    ];
    const bed = new LoginBed(
      slots,
      options.frontends ?? 1,
      options.domainByAddress,
      options.hasher ?? new CheapHasher(),
    );
    await bed.create('joe', PASSWORD);
    return bed;
  }

  get login(): ClusterAuthenticator {
    return this.frontends[0]!;
  }

  /** As every member makes one for itself. */
  newDecoys(): Decoys {
    const { settings } = this.cluster;
    const changeSettings = async (change: unknown): Promise<null> => {
      const { key, value } = change as { readonly key: string; readonly value: Buffer };
      // The settings answer a request twice and do it once.
      if (settings.value(key) === undefined) settings.setValue(key, value);
      return null;
    };
    return new Decoys({ settings, changeSettings, random: this.random });
  }

  async create(name: string, password: string, domainId = ONE) {
    const initial = new Map([['credentials', await this.login.makeCredentials(password)]]);
    return this.run(this.cluster.names.createAccount(domainId, name, initial));
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.cluster.until(work);
  }

  /** Who it is, or the code of the failure. */
  async try(name: string, password: string, attempt = from(), frontend = this.login): Promise<string> {
    return (await this.timed(name, password, attempt, frontend)).outcome;
  }

  /** The same with how long it took, to the step of the clock. */
  async timed(
    name: string,
    password: string,
    attempt = from(),
    frontend = this.login,
  ): Promise<{ readonly outcome: string; readonly tookMs: number }> {
    return this.run(this.started(name, password, attempt, frontend));
  }

  /** The same without moving the clock. */
  async started(name: string, password: string, attempt = from(), frontend = this.login) {
    const { clock } = this.cluster;
    const startMs = clock.monotonicMs();
    const outcome = await frontend.verifyPassword(name, password, attempt).then(
      (as) => as.login,
      (error: unknown) => codeOf(error),
    );
    return { outcome, tookMs: clock.monotonicMs() - startMs };
  }
}

export function codeOf(error: unknown): string {
  const code = failureCode(error);
  if (error instanceof Failure && code !== undefined) return code;
  throw error;
}
