/** STARTTLS (RFC 3207) and what is injected around it (CVE-2011-0411): nothing said in the clear has any effect behind it. */
import t from 'tap';
import { PASSWORD } from '../../sasl/bed.ts';
import { startBed, testTls } from '../bed.ts';
import { withoutTrace } from '../play.ts';
import { Talk } from '../talk.ts';

const tls = await testTls();
const PLAIN = Buffer.from(`\0joe\0${PASSWORD}`).toString('base64');

void t.test('section 4.2: commands behind STARTTLS in the same packet are never carried out', async (t) => {
  const injections = [
    'MAIL FROM:<evil@b.example>\r\nRCPT TO:<joe@lab.example>\r\n',
    'EHLO evil\r\nMAIL FROM:<evil@b.example>\r\n',
    'RSET\r\n'.repeat(1000), // more than a turn's worth, and more than the socket hands over at once
    'EHLO ev',
    `AUTH PLAIN ${PLAIN}\r\n`,
  ];
  for (const injected of injections) {
    const { listener } = await startBed(t, { tls, hasLogin: true, protocol: 'smtp' });
    const talk = await Talk.greeted(listener.address);
    t.match(await talk.say(Buffer.from(`STARTTLS\r\n${injected}`)), [/^220 /]);
    t.equal(talk.rest, '');
    await talk.startTls();
    t.match(
      await talk.say('RCPT TO:<joe@lab.example>'),
      [/^503 5\.5\.1 .*EHLO/],
      'the EHLO is forgotten too',
    );
    t.match((await talk.say('EHLO c')).join('\n'), /AUTH SCRAM/, 'and so is the log-in');
    t.match(await talk.say('RCPT TO:<joe@lab.example>'), [/^503 5\.5\.1 .*MAIL/]);
    t.match(await talk.say('QUIT'), [/^221 /]);
    await talk.over();
    t.equal(talk.rest, '', 'one reply for each command');
  }
});

void t.test(
  'section 4.2: who was logged in, greeted and sending in the clear is nothing of it behind',
  async (t) => {
    const { listener, intake, budget } = await startBed(t, { tls, hasLogin: true, protocol: 'submission' });
    const talk = await Talk.greeted(listener.address);
    for (const line of [
      'EHLO c',
      `AUTH PLAIN ${PLAIN}`,
      'MAIL FROM:<joe@lab.example>',
      'RCPT TO:<ann@lab.example>',
    ])
      t.match((await talk.say(line)).at(-1), /^2/, line);
    t.match(await talk.say(Buffer.from('BDAT 3\r\nabc')), [/^250 /]);
    t.match(await talk.say('STARTTLS'), [/^220 /]);
    t.equal(budget.takenOctets, 0, 'the chunk is forgotten');
    await talk.startTls();
    await talk.say('EHLO c');
    t.match(await talk.say('MAIL FROM:<joe@lab.example>'), [/^530 5\.7\.0 /]);
    t.match(await talk.say(`AUTH PLAIN ${PLAIN}`), [/^235 /]);
    for (const line of ['MAIL FROM:<joe@lab.example>', 'RCPT TO:<ann@lab.example>', 'DATA'])
      await talk.say(line);
    t.match(await talk.say('S: x\r\n.'), [/^250 /]);
    t.match(withoutTrace(intake.delivered[0]!.content), /S: x\r\n$/);
    t.match(intake.delivered[0]!.content, /with ESMTPSA /);
    talk.close();
  },
);

void t.test('section 4: STARTTLS has no argument; after it nothing is said in the clear', async (t) => {
  const { listener } = await startBed(t, { tls });
  const bad = await Talk.greeted(listener.address);
  t.match(await bad.say('STARTTLS x'), [/^501 5\.5\.4 /]);
  t.match(await bad.say('STARTTLS'), [/^220 /]);
  bad.write('this is no ClientHello, but a line that is long enough');
  await bad.over();
  t.notMatch(bad.rest, /^\d{3}[ -]/, 'the handshake fails, the connection is gone');
  const talk = await Talk.connect(listener.address);
  t.match(await talk.reply(), [/^220 /], 'for others nothing has changed');
  talk.close();
});

void t.test('a client that leaves within the handshake is forgotten', async (t) => {
  const { listener } = await startBed(t, { tls });
  const talk = await Talk.greeted(listener.address);
  await talk.say('STARTTLS');
  talk.close();
  await talk.over();
  await listener.close(60_000); // resolves when nobody is left
  t.equal(listener.connections, 0);
});
