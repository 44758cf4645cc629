/** LMTP (RFC 2033): transcripts, each played pipelined in every cut, and who may speak it. */
import t from 'tap';
import { ManualClock } from '../../support/manual-clock.ts';
import { ELSEWHERE, startBed } from '../bed.ts';
import { play, type Transcript, testTranscripts, times, transaction } from '../play.ts';
import { Talk } from '../talk.ts';

const LHLO = times(11, /^250[- ]/);

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'section 4.2: one reply for each recipient after the final dot',
    client: ['LHLO c', ...transaction('joe', 'nobody', 'full', 'ann'), 'DATA', 'hi', '.', 'QUIT'],
    server: [
      ...LHLO,
      ...times(2, /^250 /),
      /^550 5\.1\.1 /,
      ...times(2, /^250 /),
      /^354 /,
      /^250 /,
      /^452 4\.3\.1 /,
      /^250 /,
      /^221 /,
    ],
    delivered: ['hi\r\n', 'hi\r\n'],
  },
  {
    name: 'section 4.2: names of one mailbox have a reply each, and it gets one copy',
    client: ['LHLO c', ...transaction('joe', 'Joe', 'alias'), 'DATA', '.', 'QUIT'],
    server: [...LHLO, ...times(4, /^250 /), /^354 /, ...times(3, /^250 2\.0\.0 /), /^221 /],
    delivered: [''],
  },
  {
    name: 'section 4.2: a last chunk that is refused is so for each recipient',
    client: [
      'LHLO c',
      'MAIL FROM:<>',
      'BDAT 3 LAST',
      Buffer.from('abc'),
      ...transaction('joe', 'ann').slice(1),
      'BDAT 3',
      Buffer.from('a\nb'),
      'BDAT 3',
      Buffer.from('abc'),
      'BDAT 3 LAST',
      Buffer.from('abc'),
      'QUIT',
    ],
    server: [...LHLO, /^250 /, /^503 /, ...times(2, /^250 /), /^550 5\.5\.2 /, ...times(3, /^503 /), /^221 /],
    delivered: [],
  },
  {
    name: 'section 4.2: a message that is refused is so for each recipient',
    client: [
      'LHLO c',
      ...transaction('joe', 'ann'),
      'DATA',
      'x'.repeat(1001),
      '.',
      ...transaction('joe', 'ann'),
      'DATA',
      Buffer.from('a\nb'),
    ],
    server: [
      ...LHLO,
      ...times(3, /^250 /),
      /^354 /,
      ...times(2, /^552 5\.3\.4 /),
      ...times(3, /^250 /),
      /^354 /,
      ...times(2, /^550 5\.5\.2 /),
      /^421 /,
    ],
    delivered: [],
  },
  {
    name: 'section 4.1: HELO and EHLO are refused',
    client: ['EHLO c', 'HELO c', 'QUIT'],
    server: [/^500 5\.5\.2 /, /^500 5\.5\.2 /, /^221 /],
  },
];

testTranscripts(t, TRANSCRIPTS, (test) => startBed(test, { protocol: 'lmtp' }));

void t.test('so many recipients as are allowed, then 452 4.5.3; LIMITS says so (RFC 9422)', async (t) => {
  const { listener } = await startBed(t, { protocol: 'lmtp', recipientsMax: 2 });
  const talk = await Talk.connect(listener.address);
  t.match(await talk.reply(), [/^220 mx\.lab\.example LMTP /]);
  t.ok((await talk.say('LHLO c')).includes('250-LIMITS RCPTMAX=2 MAILMAX=10000'));
  await talk.say('MAIL FROM:<>');
  for (const [name, reply] of [
    ['a', /^250 /],
    ['b', /^250 /],
    ['c', /^452 4\.5\.3 /],
  ] as const)
    t.match(await talk.say(`RCPT TO:<${name}@lab.example>`), [reply]);
  talk.close();
});

void t.test('who is not trusted is told nothing but that', async (t) => {
  const { listener } = await startBed(t, { protocol: 'lmtp', remote: ELSEWHERE });
  const talk = await Talk.connect(listener.address);
  t.match(await talk.reply(), [/^554 /]);
  await talk.over();
  t.equal(talk.rest, '');
});

void t.test('two deliveries at a time, of one copy of the content', async (t) => {
  const { listener, intake } = await startBed(t, { protocol: 'lmtp' });
  const seen: Buffer[] = [];
  let [running, most] = [0, 0];
  intake.deliver = async (_to, parts) => {
    most = Math.max(most, ++running);
    seen.push(parts.at(-1)!);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return undefined;
  };
  const names = Array.from({ length: 9 }, (_, n) => `user${n}`);
  const commands = ['LHLO c', ...transaction(...names), 'DATA', 'hi', '.', 'QUIT', ''].join('\r\n');
  const lines = await play(listener.address, Buffer.from(commands), 0);
  t.equal(lines.filter((line) => line.endsWith(' is kept')).length, 9);
  t.equal(most, 2);
  t.equal(new Set(seen.map(({ buffer }) => buffer)).size, 1);
});

void t.test('RFC 2033 section 4.2: a reply is told when it is known, not when all are', async (t) => {
  const { listener, intake } = await startBed(t, { protocol: 'lmtp' });
  const gates = new Map(['a', 'b', 'c'].map((name) => [name, Promise.withResolvers<undefined>()]));
  intake.deliver = ({ object }) => gates.get(object.name)!.promise;
  const talk = await Talk.greeted(listener.address);
  for (const line of ['LHLO c', ...transaction('a', 'b', 'c'), 'DATA']) await talk.say(line);
  talk.write('.');
  gates.get('b')!.resolve(undefined);
  gates.get('a')!.resolve(undefined);
  for (let count = 0; count < 2; count++) t.match(await talk.reply(), [/^250 2\.0\.0 /]);
  t.equal(talk.rest, '');
  gates.get('c')!.resolve(undefined);
  t.match(await talk.reply(), [/^250 2\.0\.0 /]);
  talk.close();
});

void t.test('when owners are away the rest is put off without being asked', async (t) => {
  const names = Array.from({ length: 20 }, (_, n) => `user${n}`);
  const begin = ['LHLO c', ...transaction(...names), 'DATA'];
  /** How many are asked when each takes so long. */
  async function asked(takesMs: number, reply: { code: number; text: string } | undefined): Promise<number> {
    const clock = new ManualClock();
    const { listener, intake } = await startBed(t, { protocol: 'lmtp', clock });
    let count = 0;
    intake.deliver = async () => {
      count++;
      await clock.sleep(takesMs);
      return reply;
    };
    const talk = await Talk.greeted(listener.address);
    for (const line of begin) await talk.say(line);
    talk.write('.');
    while (count === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(10 * 60_000);
    const codes = new Set<string>();
    for (const _ of names) codes.add((await talk.reply())[0]!.slice(0, 3));
    t.strictSame(
      [...codes],
      count === names.length && reply === undefined ? ['250'] : reply ? ['451'] : ['250', '451'],
    );
    talk.close();
    return count;
  }
  t.equal(await asked(8000, { code: 451, text: '4.3.0 away' }), 6, 'two at a time for 20 s');
  t.equal(await asked(19_000, undefined), 20, 'slow ones that succeed go on');
  t.equal(await asked(60_000, undefined), 10, 'for five minutes');
});
