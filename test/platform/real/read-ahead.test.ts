import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { Step } from '../../../src/lib/step.ts';
import { readAhead } from '../../../src/platform/real/read-ahead.ts';

async function pair(t: Test): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1' });
  const [far] = await accepted;
  t.teardown(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  for (const socket of [near, far]) socket.on('error', () => undefined);
  return { near, far };
}

/** A line. */
function line(bytes: Buffer): Step<string> {
  const lf = bytes.indexOf('\n');
  if (bytes[0] === 0x21) return { kind: 'bad', why: 'no line' };
  return lf < 0 ? { kind: 'more' } : { kind: 'value', value: String(bytes.subarray(0, lf)), next: lf + 1 };
}

void t.test('what is taken is gone, what is not is still there', async (t) => {
  for (const [take, sent, left] of [
    [true, 'one\ntwo', 'two'],
    [false, 'one\ntwo', 'one\ntwo'],
    [true, '!bad', '!bad'],
  ] as const) {
    const { near, far } = await pair(t);
    near.write(sent);
    const read = await readAhead(far, line, { take });
    t.match(read, sent.startsWith('!') ? { kind: 'bad' } : { kind: 'value', value: 'one' });
    t.equal(far.listenerCount('readable') + far.listenerCount('end') + far.listenerCount('close'), 1);
    near.end('!');
    let received = '';
    for await (const chunk of far) received += String(chunk);
    t.equal(received, `${left}!`);
  }
});

void t.test('one after the other on the same socket', async (t) => {
  const { near, far } = await pair(t);
  near.write('one\ntwo\nthree');
  t.match(await readAhead(far, line, { take: true }), { value: 'one' });
  t.match(await readAhead(far, line, { take: true }), { value: 'two' });
  near.write('\n');
  t.match(await readAhead(far, line, { take: true }), { value: 'three' });
});

void t.test('a peer that leaves first, gently or not, or who is gone already', async (t) => {
  const ended = await pair(t);
  ended.near.end('half');
  await t.rejects(readAhead(ended.far, line, { take: true }), /after 4 octets/);
  const reset = await pair(t);
  const waiting = readAhead(reset.far, line, { take: true });
  reset.near.resetAndDestroy();
  await t.rejects(waiting, { code: 'ECONNRESET' });
  await t.rejects(readAhead(reset.far, line, { take: true }), /after 0 octets/);
  await t.rejects(readAhead(ended.far, line, { take: true }), /after 0 octets/);
});

void t.test('a line and then FIN is a line', async (t) => {
  const { near, far } = await pair(t);
  near.end('one\n');
  t.match(await readAhead(far, line, { take: true }), { value: 'one' });
  far.resume();
  await once(far, 'end');
});
