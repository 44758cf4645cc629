/** The server in every state of a session, fed with what is nearly a session: it answers, ends the connection, or waits; it goes on serving. */
import t from 'tap';
import { Prng } from '../support/prng.ts';
import { PASSWORD, PopBed, USER } from './bed.ts';

const SEED = 20_261_120;
const ROUNDS = 150;

const PIECES = [
  'USER ',
  USER,
  'PASS ',
  PASSWORD,
  'AUTH PLAIN',
  ' ',
  '\r\n',
  '\r\n',
  '\r\n',
  '\n',
  '\r',
  '*',
  '=',
  '+',
  'STAT',
  'LIST ',
  'RETR ',
  'TOP 1 ',
  'DELE ',
  'RSET',
  'UIDL',
  'NOOP',
  'CAPA',
  'LANG ',
  'STLS',
  'QUIT',
  '1',
  '2',
  '0',
  '-1',
  '99999999999',
  '\0',
  '\xff\xfe',
  'x'.repeat(300),
  Buffer.from(`\0${USER}\0${PASSWORD}`).toString('base64'),
  '\r\n.\r\n',
] as const;

void t.test(`fuzz: sessions of random pieces, seed ${SEED}`, async (t) => {
  const random = new Prng(SEED);
  const bed = await PopBed.start(t);
  await bed.append('Subject: 1\r\n\r\n.\r\n', 'Subject: 2\r\n\r\n');
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  process.on('unhandledRejection', onError);
  t.teardown(() => process.off('unhandledRejection', onError));
  for (let round = 0; round < ROUNDS; round++) {
    const client = await bed.client(random.below(2) === 0);
    for (let piece = random.below(40); piece > 0; piece--) client.send(PIECES[random.below(PIECES.length)]!);
    // Whatever it was in, after an empty line, a cancelled log-in and enough that is no command the server has ended it.
    client.send(`\r\n*\r\n${'?\r\n'.repeat(12)}`);
    const lines = await client.end();
    const odd = lines.filter((line) => !/^(?:\+OK|-ERR|\+ )/.test(line) && !isData(line));
    t.same(odd, [], `round ${round}`);
    if (round % 10 === 0) await bed.append('Subject: 1\r\n\r\n.\r\n');
  }
  t.same(errors, []);
  const client = await bed.client();
  t.match(await client.say('STAT'), '+OK', 'it still serves');
  client.close();
});

/** A line of a multi-line answer. */
function isData(line: string): boolean {
  return /^(?:\.{0,2}|Subject: \d|\d+ [\d.]+|[A-Z-]+(?: [\w. -]+)?|(?:en|i-default) English)$/.test(line);
}
