/** The door for invited machines, over real sockets: one answer each, bounds on everything a stranger can do. */
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { Door, type JoinRequest } from '../../../src/cluster/security/door.ts';
import { Failure } from '../../../src/lib/failure.ts';
import { type LogFields, noLogger } from '../../../src/lib/logging.ts';
import type { Address } from '../../../src/platform/platform.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import { TestCluster } from './support.ts';

const RIGHT = { id: '1', secret: Buffer.from('right').toString('base64url'), request: 'csr' };

async function open(t: Test) {
  const cluster = await TestCluster.make();
  const asked: JoinRequest[] = [];
  const lines: (LogFields & { readonly message: string })[] = [];
  const note = (fields: LogFields, message: string) => void lines.push({ ...fields, message });
  const door = new Door({
    platform: realPlatform(),
    security: await cluster.member('be1', 'backend'),
    host: '127.0.0.1',
    join: async (request) => {
      asked.push(request);
      if (request.secret.toString() === 'later') throw new Failure('unavailable', 'no controller');
      if (request.secret.toString() !== 'right') throw new Failure('refused', 'used or over');
      return { certificate: 'yes' };
    },
    logger: { ...noLogger, warn: note, error: note },
  });
  t.teardown(() => door.close());
  return { cluster, door, asked, lines, at: await door.open(0), ca: cluster.authority.certificate };
}

/** All that is answered until the end; '' when the connection is dropped. */
function say(at: Address, ca: string, octets: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket: TLSSocket = connect({ ...at, ca, checkServerIdentity: () => undefined }, () =>
      socket.write(octets),
    );
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString()));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(answer));
  });
}

const line = (value: unknown): string => `${JSON.stringify(value)}\n`;

void t.test('one line in, one line out, then the end', async (t) => {
  const { at, ca, asked, lines } = await open(t);
  t.same(JSON.parse(await say(at, ca, line(RIGHT))), { ok: true, certificate: 'yes' });
  t.same(asked, [{ id: '1', secret: Buffer.from('right'), request: 'csr' }]);
  await say(at, ca, line(RIGHT) + line(RIGHT));
  t.equal(asked.length, 2, 'a second line is not read');
  const wrong = await say(at, ca, line({ ...RIGHT, secret: 'AAAA' }));
  t.same(JSON.parse(wrong), { ok: false, code: 'refused', message: 'used or over' });
  t.match(lines.at(-1), { code: 'refused', remote: /^127\.0\.0\.1:\d+$/, message: /refused at the door/ });
});

void t.test('nonsense is answered or dropped, and asks nothing', async (t) => {
  const { at, ca, asked } = await open(t);
  for (const text of ['\n', 'null\n', '[]\n', '{}\n', '{"id":1}\n', line({ ...RIGHT, request: 7 }), '\0\n'])
    t.match(JSON.parse(await say(at, ca, text)), { ok: false, code: 'invalid' }, JSON.stringify(text));
  t.equal(await say(at, ca, Buffer.alloc(100_000, 'x')), '', 'a line that has no end');
  t.equal(await say(at, ca, `"${'x'.repeat(20_000)}"\n`), '', 'a line that is too long');
  t.same(asked, []);
});

void t.test(
  'after too many wrong attempts nobody is let in; a controller that is away is no attempt',
  async (t) => {
    const { at, ca, asked, lines, door } = await open(t);
    const later = line({ ...RIGHT, secret: Buffer.from('later').toString('base64url') });
    for (let i = 0; i < 60; i++) t.match(await say(at, ca, later), /unavailable/);
    for (let i = 0; i < 50; i++) await say(at, ca, line({ ...RIGHT, secret: 'AAAA' }));
    t.match(lines.at(-1)?.message, /too many wrong attempts/);
    const before = asked.length;
    t.equal(await say(at, ca, line(RIGHT)), '', 'not even with the right one');
    t.equal(asked.length, before);
    await door.close();
    t.match(await say(await door.open(0), ca, line(RIGHT)), /yes/, 'opened anew it counts anew');
  },
);

void t.test(
  'strangers’ nonsense keeps nobody out, and a new invitation is good whatever was tried',
  async (t) => {
    const { at, ca, lines, door } = await open(t);
    for (let i = 0; i < 60; i++) await say(at, ca, 'x\n');
    t.match(await say(at, ca, line(RIGHT)), /yes/, 'nonsense guesses nothing');
    for (let i = 0; i < 50; i++) await say(at, ca, line({ ...RIGHT, secret: 'AAAA' }));
    t.equal(await say(at, ca, line(RIGHT)), '');
    t.same(await door.open(0), at, 'it was open all the time');
    t.match(await say(at, ca, line(RIGHT)), /yes/);
    t.equal(lines.filter(({ message }) => /too many/.test(message)).length, 1);
  },
);

void t.test('connections at once are bounded, and a member’s certificate is what is shown', async (t) => {
  const { at, cluster } = await open(t);
  const stranger = await TestCluster.make(cluster.clusterId);
  t.equal(
    await say(at, stranger.authority.certificate, line(RIGHT)),
    '',
    'whoever was invited elsewhere sends nothing',
  );
  const sockets: TLSSocket[] = [];
  const ends: Promise<string>[] = [];
  for (let i = 0; i < 12; i++)
    await new Promise<void>((resolve) => {
      const socket = connect(
        { ...at, ca: cluster.authority.certificate, checkServerIdentity: () => undefined },
        resolve,
      );
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.resume();
      ends.push(new Promise((ended) => socket.once('close', () => ended('dropped'))));
    });
  t.equal(await Promise.any(ends), 'dropped', 'one above the bound');
  for (const socket of sockets) socket.destroy();
  await Promise.all(ends);
  let answer = '';
  while (answer === '') answer = await say(at, cluster.authority.certificate, line(RIGHT));
  t.match(answer, /yes/, 'and there is room again');
});
