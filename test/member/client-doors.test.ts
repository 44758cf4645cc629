/** Listeners of a member that is made Not-Ready: closed after a while, open again where they were, whatever comes in between. */
import t from 'tap';
import { noLogger } from '../../src/lib/logging.ts';
import { ClientDoors } from '../../src/member/client-doors.ts';
import type { Address, Listener } from '../../src/platform/platform.ts';
import { ManualClock } from '../support/manual-clock.ts';

const DELAY_MS = 5000;
const RETRY_MS = 1000;
const AT = { host: '192.0.2.1', port: 0 };

/** Ports that listen; the kernel chooses 4000, 4001 …, and some are taken. */
class Ports {
  readonly listening = new Set<number>();
  readonly taken = new Set<number>();
  /** Waited for before a port is listened on. */
  slowly: Promise<void> | undefined;
  #chosen = 4000;

  readonly listen = async (address: Address): Promise<Listener> => {
    await this.slowly;
    const port = address.port === 0 ? this.#chosen++ : address.port;
    if (this.taken.has(port) || this.listening.has(port))
      throw Object.assign(new Error(`${port} is taken`), { code: 'EADDRINUSE' });
    this.listening.add(port);
    return {
      address: { ...address, port },
      close: async () => void this.listening.delete(port),
    };
  };

  get all(): readonly number[] {
    return [...this.listening].sort((a, b) => a - b);
  }
}

async function bed() {
  const clock = new ManualClock();
  const ports = new Ports();
  const doors = new ClientDoors({ clock, logger: noLogger, delayMs: DELAY_MS });
  const listen = doors.listening((address: Address) => ports.listen(address));
  const nothing = (): void => undefined;
  const listeners = [await listen(AT, nothing, {}), await listen({ ...AT, port: 25 }, nothing, {})];
  return { clock, ports, doors, listen, listeners };
}

void t.test('closed after the delay, opened again at the same ports', async (t) => {
  const { clock, ports, doors } = await bed();
  t.same(ports.all, [25, 4000]);
  doors.be('open', true);
  await clock.advance(DELAY_MS);
  t.same(ports.all, [25, 4000]);
  t.equal(doors.areOpen, true);

  doors.be('shut');
  await clock.advance(DELAY_MS - 1);
  doors.be('shut');
  t.same(ports.all, [25, 4000], 'whoever a balancer still sends is served');
  await clock.advance(1);
  t.same(ports.all, []);
  t.equal(doors.areOpen, false);

  doors.be('open');
  await clock.advance(0);
  t.same(ports.all, [25, 4000], 'the port that the kernel chose too');
  t.equal(doors.areOpen, true);
});

void t.test('a wish that is taken back in time changes nothing', async (t) => {
  const { clock, ports, doors } = await bed();
  doors.be('shut');
  await clock.advance(DELAY_MS - 1);
  doors.be('open');
  await clock.advance(2 * DELAY_MS);
  t.same(ports.all, [25, 4000]);
  t.equal(doors.areOpen, true);
});

void t.test('who has never served closes at once', async (t) => {
  const { clock, ports, doors } = await bed();
  doors.be('shut');
  doors.be('shut', true);
  await clock.advance(0);
  t.same(ports.all, []);
  await clock.advance(DELAY_MS);
  t.same(ports.all, []);
});

void t.test('a port that is taken is tried again, and until then clients are kept away', async (t) => {
  const { clock, ports, doors } = await bed();
  doors.be('shut', true);
  await clock.advance(0);
  ports.taken.add(4000);
  doors.be('open');
  await clock.advance(0);
  t.equal(doors.areOpen, false);
  await clock.advance(RETRY_MS);
  t.same(ports.all, [25], 'the others are open');
  ports.taken.clear();
  await clock.advance(RETRY_MS);
  t.same(ports.all, [25, 4000]);
  t.equal(doors.areOpen, true);
});

void t.test('a wish that changes while doors are being opened', async (t) => {
  const { clock, ports, doors } = await bed();
  doors.be('shut', true);
  await clock.advance(0);
  const slowly = Promise.withResolvers<void>();
  ports.slowly = slowly.promise;
  doors.be('open');
  await clock.advance(0);
  doors.be('shut');
  await clock.advance(DELAY_MS);
  slowly.resolve();
  await clock.advance(0);
  t.same(ports.all, []);
  t.equal(doors.areOpen, false);
});

void t.test('closed for good is closed for good', async (t) => {
  const { clock, ports, doors, listeners } = await bed();
  await listeners[0]!.close();
  t.same(ports.all, [25]);
  doors.be('shut', true);
  await clock.advance(0);
  const slowly = Promise.withResolvers<void>();
  ports.slowly = slowly.promise;
  doors.be('open');
  await clock.advance(0);
  const closing = listeners[1]!.close();
  slowly.resolve();
  await closing;
  await clock.advance(0);
  t.same(ports.all, [], 'while it was being opened again too');
  doors.end();
  doors.be('shut', true);
  doors.be('open', true);
  await clock.advance(RETRY_MS);
  t.same(ports.all, []);
});

void t.test('the errors of a first listening are the caller’s', async (t) => {
  const { ports, listen } = await bed();
  ports.taken.add(143);
  await t.rejects(
    listen({ ...AT, port: 143 }, () => undefined, {}),
    { code: 'EADDRINUSE' },
  );
});
