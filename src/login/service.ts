/**
 * The owner's side of log-ins: checks and sets passwords of the accounts it owns; the keys never leave it. Services on
 * the bus, all at the owner of the object's slot, or of the name's slot when the name leads nowhere:
 *
 * | service | body | answer |
 * | --- | --- | --- |
 * | directory.verify | object or null, name, evidence and an `Arrival` | a `CheckAnswer` |
 * | directory.scram | object or null, name | salt, iterations |
 * | directory.set-password | object, password | nothing |
 *
 * `evidence` is a password or a proof of SCRAM. A name that leads nowhere takes the same way and the same time as a wrong
 * password, gets a salt that stays the same, and counts failures. Those of addresses: limits/service.ts.
 */
import type { Bus } from '../cluster/bus/types.ts';
import { readName } from '../directory/bodies.ts';
import { type Fields, readFields, readObjectId, readText } from '../directory/wire.ts';
import { failureCode } from '../lib/failure.ts';
import type { Clock, Random } from '../platform/platform.ts';
import type { ObjectHost } from '../store/host/host.ts';
import { type ObjectId, objectKey, type Slot } from '../store/ids.ts';
import { type Name, nameKey } from '../store/slot/types.ts';
import { slotOf, slotOfObject } from '../store/slots.ts';
import { type CheckAnswer, readEvidence, type ScramSalt, writeAnswer } from './answers.ts';
import {
  CREDENTIALS_PROPERTY,
  decodeCredentials,
  makeCredentials,
  type PasswordHasher,
} from './credentials.ts';
import type { Decoys } from './decoys.ts';
import { type Evidence, Judge } from './judge.ts';
import { AccountLimits, type Arrival, type Outcome } from './limits/account-limits.ts';
import { serveLimits } from './limits/service.ts';
import { readArrival } from './limits/wire.ts';
import type { RememberedLogins } from './remembered.ts';
import { SCRAM_ITERATIONS } from './scram.ts';

export interface LoginServiceOptions {
  readonly bus: Pick<Bus, 'serve'>;
  readonly host: ObjectHost;
  readonly hasher: PasswordHasher;
  readonly random: Random;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly remembered: RememberedLogins;
  readonly decoys: Decoys;
}

const READ_TIMEOUT_MS = 3000;
const CHANGE_TIMEOUT_MS = 8000;

export function serveLogins(options: LoginServiceOptions): void {
  const { bus, host, hasher, random, clock } = options;
  const service = new LoginService(options);
  bus.serve('directory.verify', async (body) => writeAnswer(await service.verify(readFields(body))));
  bus.serve('directory.scram', (body) => service.salt(readFields(body)));
  bus.serve('directory.set-password', async (body) => {
    const { object, password } = readFields(body);
    const id = readObjectId(object);
    const record = await makeCredentials(hasher, random, readText(password, 'password'));
    const changes = new Map([[CREDENTIALS_PROPERTY, record]]);
    const set = { timeoutMs: CHANGE_TIMEOUT_MS, late: 'unknown' } as const;
    await host.withAccount(id, (account) => account.setProperties(changes), set);
    return null;
  });
  serveLimits({ bus, host, clock });
}

/** Whose log-in it is, as the asker resolved it. */
interface Subject {
  readonly id: ObjectId | undefined;
  /** As it was given, in stored form. */
  readonly name: Name;
  readonly slot: Slot;
  /** What failures are counted by: all names of an account are one. */
  readonly account: string;
}

class LoginService {
  readonly #host: ObjectHost;
  readonly #decoys: Decoys;
  readonly #judge: Judge;
  readonly #limits: AccountLimits;

  constructor(options: LoginServiceOptions) {
    this.#host = options.host;
    this.#decoys = options.decoys;
    this.#judge = new Judge(options);
    this.#limits = new AccountLimits(options.clock);
  }

  async verify(body: Fields): Promise<CheckAnswer> {
    const subject = readSubject(body);
    const evidence = readEvidence(body.evidence);
    const arrival: Arrival = { ...readArrival(body), account: subject.account };
    // Within an operation of the slot: an owner of yesterday counts nothing ('moved').
    const admission = await this.#host.run(subject.slot, async () => this.#limits.admit(arrival));
    if (admission.kind !== 'go') return admission;
    let outcome: Outcome = 'unchecked';
    try {
      const answer = await this.#check(subject, evidence);
      outcome = answer.kind === 'right' ? 'right' : answer.isRepeated ? 'repeated' : 'wrong';
      return answer;
    } finally {
      this.#limits.settle(arrival, admission.charge, outcome);
    }
  }

  /** Also for a name that leads nowhere, and an account without keys. */
  async salt(body: Fields): Promise<ScramSalt> {
    const { id, name } = readSubject(body);
    const decoy = await this.#decoys.salt(nameKey(name));
    const record = id === undefined ? undefined : await this.#record(id);
    const keys = record === undefined ? undefined : decodeCredentials(record).scramSha256;
    return { salt: keys?.salt ?? decoy, iterations: keys?.iterations ?? SCRAM_ITERATIONS };
  }

  async #check(
    { id, account }: Subject,
    evidence: Evidence,
  ): Promise<CheckAnswer & { readonly kind: 'right' | 'wrong' }> {
    const record = id === undefined ? undefined : await this.#record(id);
    const judgement = await this.#judge.judge(account, record, evidence);
    if (judgement.kind === 'wrong') return judgement;
    // Hashing took a while: the answer is given from the state of now, which settles like any other.
    const current = id && (await this.#record(id));
    const name = id && (await this.#presentName(id));
    if (record === undefined || current?.equals(record) !== true || name === undefined)
      return { kind: 'wrong', isRepeated: false };
    return { kind: 'right', name, serverSignature: judgement.serverSignature };
  }

  /** The credentials; undefined for an account that has none or is gone. */
  async #record(id: ObjectId): Promise<Buffer | undefined> {
    try {
      return await this.#host.withAccount(
        id,
        async (account) => {
          const record = account.property(CREDENTIALS_PROPERTY);
          await account.settled();
          return record;
        },
        { timeoutMs: READ_TIMEOUT_MS },
      );
    } catch (error) {
      if (failureCode(error) === 'not-found') return undefined;
      throw error;
    }
  }

  async #presentName(id: ObjectId): Promise<Name | undefined> {
    const host = this.#host;
    const slot = slotOfObject(id);
    const look = async () => (await host.slot(slot)).read((state) => state.object(id)?.present);
    const present = await host.run(slot, look, { timeoutMs: READ_TIMEOUT_MS });
    return present && { domainId: present.domainId, name: present.name };
  }
}

function readSubject(body: Fields): Subject {
  const name = readName(body.name);
  const id = body.object === null ? undefined : readObjectId(body.object);
  return id === undefined
    ? { id, name, slot: slotOf(name.domainId, name.name), account: nameKey(name) }
    : { id, name, slot: slotOfObject(id), account: objectKey(id) };
}
