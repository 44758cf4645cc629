/** Submission (RFC 6409, 8314): TLS first, then a log-in, then mail from one's own address. */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { Failure } from '../../../src/lib/failure.ts';
import { ITERATIONS, PASSWORD } from '../../sasl/bed.ts';
import { ELSEWHERE, startBed, testTls } from '../bed.ts';
import { withoutTrace } from '../play.ts';
import { scramClient } from '../scram-client.ts';
import { Talk } from '../talk.ts';

const PLAIN = Buffer.from(`\0joe\0${PASSWORD}`).toString('base64');
const tls = await testTls();

async function open(t: Parameters<typeof startBed>[0], options: Parameters<typeof startBed>[1] = {}) {
  const bed = await startBed(t, { protocol: 'submission', hasLogin: true, tls, ...options });
  const talk = await Talk.connect(bed.listener.address, options.isImplicitTls ? { tls: true } : {});
  t.teardown(() => talk.close());
  await talk.reply();
  return { ...bed, talk };
}

void t.test(
  'RFC 8314 section 3.3: off loopback nothing of a log-in before TLS, all of it behind',
  async (t) => {
    const { talk } = await open(t, { remote: ELSEWHERE });
    const before = await talk.say('EHLO c');
    t.ok(before.includes('250-STARTTLS'));
    t.notMatch(before.join('\n'), /AUTH/);
    t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [/^538 5\.7\.11 /]);
    t.match(await talk.say('MAIL FROM:<joe@lab.example>'), [/^530 5\.7\.0 .*STARTTLS/]);
    t.match(await talk.say('STARTTLS'), [/^220 2\.0\.0 /]);
    await talk.startTls();
    t.match(
      await talk.say('MAIL FROM:<joe@lab.example>'),
      [/^503 5\.5\.1 .*EHLO/],
      'RFC 3207 section 4.2: EHLO anew',
    );
    const behind = await talk.say('EHLO c');
    t.ok(behind.includes('250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN'), behind.join('\n'));
    t.notOk(behind.includes('250-STARTTLS'));
    t.match(await talk.say('STARTTLS'), [/^503 5\.5\.1 /]);
    t.match(await talk.say('MAIL FROM:<joe@lab.example>'), [/^530 5\.7\.0 /]);
    t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [/^235 2\.7\.0 /]);
    t.match(await talk.say('MAIL FROM:<joe@lab.example>'), [/^250 2\.1\.0 /]);
  },
);

void t.test('RFC 8314 section 3.3: inside TLS from the first octet on; the trace says so', async (t) => {
  const { talk, intake } = await open(t, { isImplicitTls: true, remote: ELSEWHERE });
  t.notMatch((await talk.say('EHLO c.example')).join(), /STARTTLS/);
  t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [/^235 /]);
  t.notMatch((await talk.say('EHLO c.example')).join(), /AUTH/, 'RFC 4954 section 4: not offered any more');
  for (const line of ['MAIL FROM:<joe@lab.example> AUTH=joe+40lab.example', 'RCPT TO:<ann@lab.example>'])
    await talk.say(line);
  await talk.say('DATA');
  t.match(await talk.say('From: joe@lab.example\r\n\r\nhi\r\n.'), [/^250 /]);
  const [{ content, envelope }] = intake.delivered as [(typeof intake.delivered)[number]];
  t.match(
    content,
    /^Return-Path: <joe@lab\.example>\r\nReceived: from c\.example \(\[192\.0\.2\.7\]\) \(using TLSv1\.3 with cipher (TLS_\w+)\)\r\n by mx\.lab\.example with ESMTPSA id (\S+)\r\n for <ann@lab\.example> tls \1; Fri, 02 Jan 2026 03:04:05 \+0000\r\nDate: Fri, 02 Jan 2026 03:04:05 \+0000\r\nMessage-ID: <\2@mx\.lab\.example>\r\nFrom: joe/,
  );
  t.equal(envelope?.auth, 'joe@lab.example');
});

void t.test(
  'RFC 6409 section 8: a date and an identifier that are there stay, and nothing is added',
  async (t) => {
    const { talk, intake } = await open(t);
    await talk.say('EHLO c');
    await talk.say(`AUTH PLAIN ${PLAIN}`);
    const header = 'date: x\r\nMESSAGE-ID: <a@b>\r\n\r\nDate: y\r\n';
    for (const line of ['MAIL FROM:<>', 'RCPT TO:<ann@lab.example>', 'DATA']) await talk.say(line);
    t.match(await talk.say(`${header}.`), [/^250 /]);
    t.equal(withoutTrace(intake.delivered[0]!.content), header);
  },
);

void t.test('RFC 6409 section 6.1: the sender is an own address, an alias, or none', async (t) => {
  const { talk } = await open(t);
  await talk.say('EHLO c');
  t.match(await talk.say('MAIL FROM:<joe@lab.example>'), [/^530 5\.7\.0 /]);
  await talk.say(`AUTH PLAIN ${PLAIN}`);
  for (const [sender, reply] of [
    ['joe@lab.example', /^250 /],
    ['alias@lab.example', /^250 /],
    ['', /^250 /],
    ['ann@lab.example', /^550 5\.7\.1 /],
    ['nobody@lab.example', /^550 5\.7\.1 /],
    ['joe@else.example', /^550 5\.7\.1 /],
    ['away@lab.example', /^451 4\.3\.0 /],
  ] as const) {
    t.match(await talk.say(`MAIL FROM:<${sender}>`), [reply], sender);
    await talk.say('RSET');
  }
  await talk.say('MAIL FROM:<joe@lab.example>');
  t.match(await talk.say('RCPT TO:<ann@else.example>'), [/^550 5\.7\.1 .*sends no mail to others/]);
});

void t.test('RFC 4954 section 4: when AUTH may come, and what it may look like', async (t) => {
  const { talk, authenticator } = await open(t);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['AUTH PLAIN', /^503 5\.5\.1 /],
    ['HELO c', /^250 /],
    ['AUTH PLAIN', /^503 5\.5\.1 .*EHLO/],
    ['EHLO c', /^250-/],
    ['AUTH', /^501 5\.5\.4 /],
    ['AUTH PLAIN = =', /^501 5\.5\.4 /],
    ['AUTH CRAM-MD5', /^504 5\.5\.4 /],
    ['AUTH SCRAM-SHA-256-PLUS', /^504 5\.5\.4 /],
    ['AUTH PLAIN !', /^501 5\.5\.2 /],
  ];
  for (const [line, reply] of cases) t.match(await talk.say(line), [reply], line);
  t.strictSame(authenticator.one.asked, []);
  t.match(await talk.say('auth plain'), [/^334 $/]);
  t.match(await talk.say('*'), [/^501 5\.7\.0 /]);
  t.match(await talk.say('AUTH LOGIN'), ['334 VXNlcm5hbWU6']);
  t.match(await talk.say('am9l'), ['334 UGFzc3dvcmQ6']);
  t.match(await talk.say(Buffer.from(PASSWORD).toString('base64')), [/^235 2\.7\.0 /]);
  t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [/^503 5\.5\.1 /], 'once only');
});

void t.test('RFC 4954 section 4: not within a transaction', async (t) => {
  const { talk } = await open(t, { protocol: 'smtp' });
  for (const line of ['EHLO c', 'MAIL FROM:<>']) await talk.say(line);
  t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [/^503 5\.5\.1 /]);
});

void t.test(
  'RFC 4954 section 6: what each failure is answered with; the third that is one ends the session',
  async (t) => {
    const cases = [
      ['refused', /^535 5\.7\.8 /, true],
      ['invalid', /^501 5\.5\.2 /, true],
      ['limit', /^454 4\.7\.0 too many/, true],
      ['unavailable', /^454 4\.7\.0 /, false],
      ['unknown', /^454 4\.7\.0 /, false],
    ] as const;
    for (const [code, reply, counts] of cases) {
      const { talk, authenticator } = await open(t);
      authenticator.one.failure = new Failure(code, 'test');
      await talk.say('EHLO c');
      for (let tries = 1; tries <= 3; tries++) t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [reply], code);
      if (counts) {
        t.match(await talk.reply(), [/^421 4\.7\.0 /]);
        await talk.over();
        continue;
      }
      // The owner was away, which is no fault of the client; it is back.
      authenticator.one.failure = undefined;
      t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [/^235 /], code);
      talk.close();
    }
  },
);

void t.test('RFC 4954 section 4: a log-in that the client cancels is no failed one', async (t) => {
  const { talk } = await open(t);
  await talk.say('EHLO c');
  for (let tries = 0; tries < 5; tries++) {
    await talk.say('AUTH PLAIN');
    t.match(await talk.say('*'), [/^501 5\.7\.0 /]);
  }
  t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [/^235 /]);
});

void t.test('RFC 4954 section 4: lines of AUTH have a limit of their own, 12288 octets', async (t) => {
  const { talk, authenticator } = await open(t);
  await talk.say('EHLO c');
  const long = 'A'.repeat(12_288 - 'AUTH PLAIN \r\n'.length - 2);
  t.match(await talk.say(`AUTH PLAIN ${long.slice(0, long.length - (long.length % 4))}`), [/^501 5\.5\.2 /]);
  t.match(await talk.say('AUTH PLAIN'), [/^334 /]);
  t.match(await talk.say('A'.repeat(12_288)), [/^500 5\.5\.6 /]);
  t.match(await talk.reply(), [/^421 /]);
  t.strictSame(authenticator.one.asked, []);
});

void t.test(
  'RFC 7677: SCRAM-SHA-256, with an initial response and without, and with a wrong password',
  async (t) => {
    for (const [password, hasInitial, reply] of [
      [PASSWORD, true, /^235 /],
      [PASSWORD, false, /^235 /],
      ['wrong', true, /^535 5\.7\.8 /],
    ] as const) {
      const { talk } = await open(t);
      await talk.say('EHLO c');
      const scram = scramClient('joe', password, randomBytes(9).toString('base64'));
      const first = Buffer.from(scram.first).toString('base64');
      if (!hasInitial) t.match(await talk.say('AUTH SCRAM-SHA-256'), [/^334 $/]);
      const [challenge] = await talk.say(hasInitial ? `AUTH SCRAM-SHA-256 ${first}` : first);
      const serverFirst = Buffer.from(challenge!.slice('334 '.length), 'base64').toString();
      t.match(serverFirst, new RegExp(`i=${ITERATIONS}$`));
      let answer = await talk.say(Buffer.from(scram.final(serverFirst)).toString('base64'));
      if (password === PASSWORD) {
        t.equal(Buffer.from(answer[0]!.slice('334 '.length), 'base64').toString(), scram.serverFinal());
      } else t.equal(answer[0], `334 ${Buffer.from('e=invalid-proof').toString('base64')}`);
      answer = await talk.say('');
      t.match(answer, [reply]);
    }
  },
);

void t.test('a client that leaves within AUTH leaves nothing behind', async (t) => {
  const { talk, listener } = await open(t);
  await talk.say('EHLO c');
  t.match(await talk.say('AUTH PLAIN'), [/^334 /]);
  talk.close();
  await talk.over();
  const again = await Talk.connect(listener.address);
  t.match(await again.reply(), [/^220 /]);
  t.equal(listener.connections, 1);
  again.close();
});
