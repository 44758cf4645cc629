/** The listener under nonsense, in each state of a connection: nothing ends it, nothing stays behind. Seeded. */
import { once } from 'node:events';
import t from 'tap';
import { Prng } from '../support/prng.ts';
import { basic, bed, get } from './bed.ts';

const SEED = 7;
const ROUNDS = 150;
const PIECES = [
  'GET ',
  'POST ',
  '/health',
  '/status.json',
  '/metrics?',
  '//..%2f',
  ' HTTP/1.1\r\n',
  ' HTTP/9.9\r\n',
  'Host: localhost\r\n',
  'Host: x\r\nHost: y\r\n',
  'Content-Length: 18446744073709551616\r\n',
  'Content-Length: -1\r\n',
  'Transfer-Encoding: chunked\r\n',
  'ffffffffffffffff\r\n',
  'Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\n',
  'Expect: 100-continue\r\n',
  `${basic('admin', 'right')}\r\n`,
  `${basic('admin', 'wrong')}\r\n`,
  'Authorization: Basic ====\r\n',
  'Accept: */*;q=x,,;,application/json;q=0.5\r\n',
  '\r\n',
  '\n',
  '\0',
  '\xff\xfe',
  ': \r\n',
  ' folded\r\n',
];
/** What comes before the nonsense. */
const STATES: readonly string[] = [
  '',
  'GET /health HTTP/1.1\r\nHost: localhost\r\n',
  get('/health').replace('Connection: close\r\n', ''),
  get('/status.json', basic('admin', 'right')).replace('Connection: close\r\n', ''),
];

void t.test(`nonsense in every state (seed ${SEED})`, async (t) => {
  const { connect, ask, listener } = await bed(t);
  const prng = new Prng(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const socket = await connect();
    socket.resume();
    let text = STATES[round % STATES.length] ?? '';
    for (let n = prng.below(12); n > 0; n--) text += PIECES[prng.below(PIECES.length)];
    const octets = Buffer.from(text, 'latin1');
    for (let flips = prng.below(3); flips > 0 && octets.length > 0; flips--)
      octets[prng.below(octets.length)] = prng.below(256);
    const cut = prng.below(octets.length + 1);
    socket.write(octets.subarray(0, cut));
    if (prng.below(2) === 0) socket.end(octets.subarray(cut));
    else socket.write(octets.subarray(cut), () => socket.resetAndDestroy());
    if (!socket.closed) await once(socket, 'close').catch(() => undefined);
  }
  t.match(await ask(get('/health')), /^HTTP\/1.1 200 /, 'it serves');
  for (let turn = 0; turn < 100 && listener.connections > 0; turn++)
    await new Promise((resolve) => setImmediate(resolve));
  t.equal(listener.connections, 0, 'and nobody is left');
});
