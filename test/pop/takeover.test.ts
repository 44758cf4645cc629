/** Sessions outlive backends (docs/architecture.md, section 3): owners are lost at every point of a session. */
import t from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import { BATCH_MESSAGES, SEEN_WAITING_MAX } from '../../src/pop/session/session.ts';
import { newUids } from '../../src/store/account/copied.ts';
import { uidsOf } from '../../src/store/account/ranges.ts';
import { ID } from '../store/account/support.ts';
import { PASSWORD, PopBed, USER } from './bed.ts';

const MAIL = ['Subject: 1\r\n\r\none\r\n', 'Subject: 2\r\n\r\ntwo\r\n', 'Subject: 3\r\n\r\nthree\r\n'];

void t.test('between commands nothing is noticed', async (t) => {
  const bed = await PopBed.start(t);
  await bed.append(...MAIL);
  const client = await bed.client();
  const uidl = await client.all('UIDL');
  await bed.moveOwner();
  t.same(await client.all('UIDL'), uidl, 'the same numbers and ids');
  t.equal(await client.say('DELE 2'), '+OK message 2 is marked as deleted');
  await bed.moveOwner();
  await bed.append('Subject: new\r\n\r\n');
  await bed.expunge(1);
  t.equal(await client.say('STAT'), '+OK 1 21');
  t.same(await client.all('LIST'), ['+OK 1 messages (21 octets)', '3 21']);
  t.match(await client.say('DELE 2'), '-ERR');
  await bed.moveOwner();
  t.match(await client.say('RSET'), '+OK');
  await bed.moveOwner();
  t.equal(await client.say('STAT'), '+OK 2 40');
  await client.say('DELE 3');
  await bed.moveOwner();
  t.equal(await client.say('QUIT'), '+OK bye');
  t.same(await client.end(), []);
  t.same(bed.inbox, ['2', '4'], 'what was marked is deleted, and nothing else');
});

void t.test('the answer of each command is lost once, and given by the next owner', async (t) => {
  const bed = await PopBed.start(t);
  await bed.append(...MAIL);
  const lost = async <T>(run: () => Promise<T>): Promise<T> => {
    bed.loseAt = { kind: 'end', left: 1 };
    const answer = await run();
    t.equal(bed.loseAt, undefined, 'it was lost');
    return answer;
  };
  const client = await bed.client(false);
  await client.say(`USER ${USER}`);
  t.match(await lost(() => client.say(`PASS ${PASSWORD}`)), '+OK maildrop has 3 messages');
  t.equal(await lost(() => client.say('STAT')), '+OK 3 59');
  t.same(await lost(() => client.all('LIST')), ['+OK 3 messages (59 octets)', '1 19', '2 19', '3 21']);
  t.same(await lost(() => client.all('RETR 3')), ['+OK 21 octets', 'Subject: 3', '', 'three']);
  t.same(await lost(() => client.all('TOP 1 0')), ['+OK the top of the message follows', 'Subject: 1', '']);
  t.match(await lost(() => client.say('DELE 1')), '+OK');
  t.match(await lost(() => client.say('RSET')), '+OK');
  t.match(await lost(() => client.say('DELE 2')), '+OK');
  await bed.moveOwner();
  t.equal(await lost(() => client.say('QUIT')), '+OK bye', 'answered once, though it was done twice');
  t.same(await client.end(), []);
  t.same(bed.inbox, ['1', '3 \\Seen']);
});

void t.test('a long answer goes on at the next owner where the client has it', async (t) => {
  const bed = await PopBed.start(t);
  const body = Array.from({ length: 60_000 }, (_, line) => `${'.'.repeat(line % 4)}line ${line}`).join(
    '\r\n',
  );
  await bed.append(`Subject: long\r\n\r\n${body}\r\n`);
  const client = await bed.client();
  for (let left = 1; left < 5; left++)
    for (const when of [{}, { arrived: true }] as const) {
      bed.loseAt = { kind: 'output', left, ...when };
      const [, ...lines] = await client.all('RETR 1');
      t.equal(lines.slice(2).join('\r\n'), body, `RETR, owner lost at its output ${left}`);
      t.equal(bed.loseAt, undefined, 'it was lost');
    }
  bed.loseAt = { kind: 'output', left: 2 };
  const [, ...top] = await client.all('TOP 1 50000');
  t.equal(top.slice(2).join('\r\n'), body.split('\r\n').slice(0, 50_000).join('\r\n'), 'TOP');
});

/** So many messages, cheaply; their UIDs. */
async function fill(bed: PopBed, count: number): Promise<readonly number[]> {
  await bed.append('x\r\n');
  const { id } = bed.account.mailbox('INBOX')!;
  let uids = [1];
  while (uids.length < count) {
    const copied = await bed.account.copy(id, [[1, Math.min(uids.length, count - uids.length)]], id);
    uids = [...uids, ...uidsOf(newUids(copied))];
  }
  return uids;
}

void t.test('a long listing goes on too, and leaves out what has gone meanwhile', async (t) => {
  const bed = await PopBed.start(t);
  const many = 30_000;
  const uids = await fill(bed, many);
  const client = await bed.client();
  bed.loseAt = { kind: 'output', left: 2 };
  const [, ...lines] = await client.all('UIDL');
  t.equal(bed.loseAt, undefined, 'the owner was lost');
  t.same(
    lines,
    uids.map((uid, index) => `${index + 1} ${bed.uidValidity}.${uid}`),
  );
});

void t.test(
  'a message that goes while an owner sends it: the connection ends inside the answer',
  async (t) => {
    const bed = await PopBed.start(t);
    await bed.append(`Subject: long\r\n\r\n${'line\r\n'.repeat(100_000)}`);
    const client = await bed.client();
    bed.loseAt = { kind: 'output', left: 3 };
    client.send('RETR 1\r\n');
    t.match(await client.line(), '+OK');
    await bed.expunge(1);
    const rest = await client.end();
    t.not(rest.at(-1), '.', 'no end of the answer');
  },
);

void t.test('no owner in time: -ERR [SYS/TEMP], and the session goes on when there is one', async (t) => {
  const bed = await PopBed.start(t, { stallMs: 150 });
  await bed.append(...MAIL);
  const client = await bed.client();
  await client.say('DELE 1');
  await bed.moveOwner();
  bed.away = 'unavailable';
  t.match(await client.say('STAT'), /^-ERR \[SYS\/TEMP\]/, 'RFC 3206 section 4');
  t.match(await client.say('NOOP'), '+OK');
  bed.away = undefined;
  t.equal(await client.say('STAT'), '+OK 2 40');
  bed.mute = true;
  t.match(await client.say('STAT'), /^-ERR \[SYS\/TEMP\]/, 'an owner that says nothing');
  t.match(await client.say('QUIT'), /^-ERR \[SYS\/TEMP\] some deleted messages not removed/);
  t.same(await client.end(), []);
});

void t.test('no owner at the log-in: [SYS/TEMP], and another try', async (t) => {
  const bed = await PopBed.start(t, { stallMs: 100 });
  bed.away = 'unavailable';
  const client = await bed.client(false);
  await client.say(`USER ${USER}`);
  t.match(await client.say(`PASS ${PASSWORD}`), /^-ERR \[SYS\/TEMP\]/);
  bed.away = undefined;
  await client.say(`USER ${USER}`);
  t.match(await client.say(`PASS ${PASSWORD}`), '+OK');
});

void t.test('an account that is gone: the session ends', async (t) => {
  const bed = await PopBed.start(t);
  const client = await bed.client();
  await bed.moveOwner();
  bed.away = 'not-found';
  t.match(await client.say('STAT'), /^-ERR \[SYS\/TEMP\] the session cannot be continued/);
  t.same(await client.end(), []);
});

void t.test('numbers that no owner can tell any more: what was marked is deleted all the same', async (t) => {
  const bed = await PopBed.start(t);
  await bed.append(...MAIL);
  const client = await bed.client();
  await client.say('DELE 2');
  await bed.expunge(3);
  await bed.moveOwner();
  const inbox = bed.account.mailbox('INBOX')!;
  Object.defineProperty(inbox, 'expungedSince', { value: () => undefined });
  t.match(await client.say('QUIT'), '+OK');
  t.same(bed.inbox, ['1']);
});

void t.test('a QUIT of many commits: the owner is lost between them, and the next one ends it', async (t) => {
  const bed = await PopBed.start(t);
  const count = 2 * BATCH_MESSAGES + 10;
  await fill(bed, count);
  const client = await bed.client();
  const commands = Array.from({ length: count - 1 }, (_, index) => `DELE ${index + 1}\r\n`);
  client.send(commands.join(''));
  for (let answer = 1; answer < count; answer++)
    if (!(await client.line()).startsWith('+OK')) t.fail(`DELE ${answer}`);
  bed.loseAt = { kind: 'working', left: 2 };
  t.equal(await client.say('QUIT'), '+OK bye');
  t.equal(bed.loseAt, undefined, 'the owner was lost');
  t.same(bed.inbox, [`${count}`]);
});

for (const code of ['no-space', 'limit'] as const)
  void t.test(`QUIT where the account says ${code}: RFC 1939 section 6, some are not removed`, async (t) => {
    const bed = await PopBed.start(t);
    await bed.append(...MAIL);
    const client = await bed.client();
    await client.all('RETR 3');
    await client.say('DELE 1');
    Object.defineProperty(bed.account, 'storeFlags', {
      value: () => Promise.reject(new Failure(code, 'as told')),
    });
    t.match(await client.say('QUIT'), /^-ERR \[SYS\/TEMP\] some deleted messages not removed/);
    t.same(await client.end(), []);
    t.same(bed.inbox, ['1', '2', '3']);
  });

void t.test('\\Seen is written for many at a time, and survives the owner before that', async (t) => {
  const bed = await PopBed.start(t);
  await fill(bed, SEEN_WAITING_MAX + 5);
  const seen = (): number => bed.inbox.filter((line) => line.endsWith('\\Seen')).length;
  const client = await bed.client();
  for (let number = 1; number < SEEN_WAITING_MAX; number++) await client.all(`RETR ${number}`);
  t.equal(seen(), 0);
  await client.all(`RETR ${SEEN_WAITING_MAX}`);
  t.equal(seen(), SEEN_WAITING_MAX);
  await client.all(`RETR ${SEEN_WAITING_MAX + 1}`);
  await bed.moveOwner();
  await client.say('STAT');
  await client.say('QUIT');
  t.equal(seen(), SEEN_WAITING_MAX + 1);
});

void t.test('what no frontend sends ends the stream, not the owner', async (t) => {
  const bed = await PopBed.start(t);
  const attach = { object: ID, login: USER, opened: null };
  const command = { kind: 'command', command: { name: 'STAT' }, progress: 0, transaction: null };
  for (const [body, messages] of [
    [null, []],
    [{ ...attach, opened: { uidValidity: 'x' } }, []],
    [{ ...attach, object: 7 }, []],
    [attach, [{ ...command, command: { name: 'constructor' } }]],
    [attach, [command]],
    [attach, [{ ...command, transaction: 'x' }]],
  ] as const) {
    const stream = bed.stream(body);
    for (const message of messages) await stream.send(message).catch(() => undefined); // reset before
    const ended = await stream.messages[Symbol.asyncIterator]()
      .next()
      .catch((error: unknown) => error);
    t.match(ended, { code: 'invalid' }, JSON.stringify([body, messages]));
  }
  const client = await bed.client();
  t.match(await client.say('STAT'), '+OK');
});
