/**
 * The owner's side of log-ins: checks and sets passwords of the accounts it owns. Services on the bus:
 *
 * | service | at the owner of | body | answer |
 * | --- | --- | --- | --- |
 * | directory.verify | the object's slot; for an unknown name the name's slot | object or null, who, password | domainId, name |
 * | directory.set-password | the object's slot | object, password | nothing |
 *
 * An unknown account takes the same way and the same time as a wrong password.
 */
import type { Bus } from '../cluster/bus/types.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import type { ObjectHost } from '../store/host/host.ts';
import { type ObjectId, objectKey } from '../store/ids.ts';
import type { Name } from '../store/slot/types.ts';
import { slotOfObject } from '../store/slots.ts';
import { readFields, readText } from './bodies.ts';
import { CREDENTIALS_PROPERTY, checkPassword, makeCredentials, type PasswordHasher } from './credentials.ts';
import type { RememberedLogins } from './remembered.ts';
import { readObjectId } from './wire.ts';

export interface LoginServiceOptions {
  readonly bus: Pick<Bus, 'serve'>;
  readonly host: ObjectHost;
  readonly hasher: PasswordHasher;
  readonly random: Random;
  readonly remembered: RememberedLogins;
}

const READ_TIMEOUT_MS = 3000;
const CHANGE_TIMEOUT_MS = 8000;

export function serveLogins(options: LoginServiceOptions): void {
  const { bus, host, hasher, random } = options;
  bus.serve('directory.verify', async (body) => {
    const { object, who, password } = readFields(body);
    const id = object === null ? undefined : readObjectId(object);
    const name = id === undefined ? readText(who, 'who') : objectKey(id);
    return verify(options, id, name, readText(password, 'password'));
  });
  bus.serve('directory.set-password', async (body) => {
    const { object, password } = readFields(body);
    const id = readObjectId(object);
    const record = await makeCredentials(hasher, random, readText(password, 'password'));
    const changes = new Map([[CREDENTIALS_PROPERTY, record]]);
    const set = { timeoutMs: CHANGE_TIMEOUT_MS, late: 'unknown' } as const;
    await host.withAccount(id, (account) => account.setProperties(changes), set);
    return null;
  });
}

async function verify(
  options: LoginServiceOptions,
  id: ObjectId | undefined,
  who: string,
  password: string,
): Promise<Name> {
  const { host, hasher, remembered } = options;
  const record = id === undefined ? undefined : await readRecord(host, id);
  if (record === undefined || !remembered.has(who, record, password)) {
    const isRight = await checkPassword(hasher, record, password, who);
    if (!isRight || record === undefined) throw refused();
    remembered.add(who, record, password);
  }
  if (id === undefined) throw refused();
  // Hashing took a while: the answer is given from the state of now, which settles like any other.
  const current = await readRecord(host, id);
  if (current === undefined || !current.equals(record)) throw refused();
  const slot = slotOfObject(id);
  const look = async () => (await host.slot(slot)).read((state) => state.object(id)?.present);
  const present = await host.run(slot, look, { timeoutMs: READ_TIMEOUT_MS });
  if (present === undefined) throw refused();
  return { domainId: present.domainId, name: present.name };
}

/** Undefined for an account that has none or is gone. */
async function readRecord(host: ObjectHost, id: ObjectId): Promise<Buffer | undefined> {
  try {
    return await host.withAccount(
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

function refused(): Failure {
  return new Failure('refused', 'wrong name or password');
}
