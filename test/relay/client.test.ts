import t from 'tap';
import { Client, LINGER_MS, WRITE_STALL_MS } from '../../src/relay/client.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { connectedPair } from '../support/memory-net.ts';

const MIB = 2 ** 20;
const GONE = { message: 'the client is gone' };

/** A client on a connection whose other end reads nothing until it is resumed. */
function bed() {
  const clock = new ManualClock();
  const [near, far] = connectedPair();
  const heard: string[] = [];
  const client = new Client(near, clock);
  client.start({ data: (bytes) => heard.push(bytes.toString()), ended: () => heard.push('ended') });
  let octets = 0;
  far.start({ data: (bytes) => (octets += bytes.length), closed: () => undefined });
  far.pause();
  return { clock, client, far, heard, octets: () => octets };
}

void t.test('writing waits while much is queued, for everybody who writes', async (t) => {
  const { clock, client, far, octets } = bed();
  let done = 0;
  for (let writer = 0; writer < 3; writer++) void client.write(Buffer.alloc(MIB)).then(() => done++);
  await clock.advance(1000);
  t.equal(done, 0);
  far.resume();
  for (let turn = 0; turn < 100; turn++) await clock.advance(1);
  t.equal(done, 3);
  t.equal(octets(), 3 * MIB);
});

void t.test('who takes nothing for so long is dropped; who takes a little is not', async (t) => {
  const { clock, client, far } = bed();
  const written = client.write(Buffer.alloc(64 * MIB));
  for (let turn = 0; turn < 3; turn++) {
    await clock.advance(WRITE_STALL_MS - 1);
    far.resume();
    for (let round = 0; round < 2; round++) await Promise.resolve();
    far.pause();
    await clock.advance(1);
    t.notOk(client.gone, `after ${turn + 1}`);
  }
  const rejected = t.rejects(written, { message: 'the client does not read' });
  await clock.advance(2 * WRITE_STALL_MS);
  await rejected;
  t.ok(client.gone);
});

void t.test('the end comes, whatever the client does about it', async (t) => {
  const { clock, client, heard, far } = bed();
  far.write(Buffer.from('before'));
  await clock.advance(0);
  const ended = client.end();
  far.write(Buffer.from('behind our FIN'));
  await clock.advance(LINGER_MS - 1);
  t.notOk(client.gone);
  await clock.advance(1);
  await ended;
  t.same(heard, ['before', 'ended']);
  await t.rejects(client.write(Buffer.from('x')), GONE);
  await client.end();
  t.equal(clock.timers, 0);
});

void t.test('behind the FIN of the client it is still written to, until our end', async (t) => {
  const { clock, client, far, heard, octets } = bed();
  far.resume();
  far.end();
  await clock.advance(LINGER_MS);
  t.same(heard, ['ended']);
  t.notOk(client.gone);
  await client.write(Buffer.alloc(7));
  const ended = client.end();
  await clock.advance(0);
  await ended;
  t.equal(octets(), 7);
});
