/**
 * Postfix in front of us and behind us: no way to end a text that one of the two sees and the other does not may make two
 * messages of one (SMTP smuggling, 2023). Every `<end> . <end>` of CRLF, LF, CR and nothing is tried.
 */
import t from 'tap';
import type { Address } from '../../src/platform/platform.ts';
import { type Delivered, startBed } from '../smtp/bed.ts';
import { play, withoutTrace } from '../smtp/play.ts';
import { Talk } from '../smtp/talk.ts';
import { startPostfix, whyNoPostfix } from './postfix-instance.ts';

const skip = await whyNoPostfix();
const ENDS = ['\r\n', '\n', '\r', '\r\r\n', '\n\r', ''] as const;
const VARIANTS = ENDS.flatMap((before) => ENDS.map((after) => `${before}.${after}`)).filter(
  (each) => each !== '\r\n.\r\n',
);

/** A client's octets: one message, with another one behind what could be its end. Both say which variant they are of. */
function dialogue(variant: string, index: number): Buffer {
  const smuggled = [
    'MAIL FROM:<smuggled@b.example>',
    'RCPT TO:<joe@lab.example>',
    'DATA',
    `Subject: smuggled ${index};`,
    '',
    'x',
    '.',
    'QUIT',
    '',
  ].join('\r\n');
  const begin = 'EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<joe@lab.example>\r\nDATA\r\n';
  return Buffer.from(`${begin}Subject: outer ${index};\r\n\r\nhi${variant}${smuggled}\r\n.\r\nQUIT\r\n`);
}

/** How many messages a server says it took, for each variant. */
function takenOf(address: Address, variants: readonly string[]): Promise<readonly number[]> {
  return Promise.all(
    variants.map(async (variant, index) => {
      const lines = await play(address, dialogue(variant, index), 0);
      const after = lines.slice(lines.findIndex((line) => line.startsWith('354')));
      return after.filter((line) => /^250 2\.0\.0 (?:Ok: queued|\S+ is kept)/.test(line)).length;
    }),
  );
}

/** The messages of a variant, outer ones and smuggled ones. */
function messagesOf(delivered: readonly Delivered[], index: number): readonly Delivered[] {
  return delivered.filter(({ content }) => new RegExp(`^Subject: \\w+ ${index};`, 'm').test(content));
}

/** Sends a message as a mail server must: CRLF line ends, dots stuffed, nothing else changed. */
async function relay(address: Address, content: string): Promise<void> {
  const talk = await Talk.greeted(address);
  for (const line of ['EHLO us.example', 'MAIL FROM:<>', 'RCPT TO:<joe@lab.example>', 'DATA'])
    await talk.say(line);
  const stuffed = content.replace(/^\./, '..').replaceAll('\r\n.', '\r\n..');
  const end = stuffed.endsWith('\r\n') ? '.\r\n' : '\r\n.\r\n';
  await talk.say(Buffer.from(stuffed + end, 'latin1'));
  talk.write('QUIT');
  await talk.over();
}

for (const protocol of ['smtp', 'lmtp'] as const)
  void t.test(`in front of us, by ${protocol}: what it took as one message is one`, { skip }, async (t) => {
    const { listener, intake } = await startBed(t, { protocol, messageOctetsMax: 100_000 });
    const postfix = await startPostfix(listener.address, protocol);
    try {
      const counts = await takenOf(postfix.address, VARIANTS);
      await postfix.drained();
      for (const [index, variant] of VARIANTS.entries()) {
        const came = messagesOf(intake.delivered, index);
        const smuggled = came.filter(({ envelope }) => envelope?.reversePath !== '');
        t.ok(came.length <= counts[index]!, JSON.stringify(variant));
        if (counts[index] === 1) t.equal(smuggled.length, 0, JSON.stringify(variant));
      }
      const split = counts.filter((count) => count > 1).length;
      t.ok(split > 0, `it took ${split} of ${counts.length} for an end itself: else nothing was tried`);
    } finally {
      await postfix.stop();
    }
  });

void t.test('behind us: what we accept as one message, it takes as one', { skip }, async (t) => {
  const sink = await startBed(t, { messageOctetsMax: 100_000 });
  const { listener, intake } = await startBed(t, { messageOctetsMax: 100_000 });
  const postfix = await startPostfix(sink.listener.address, 'smtp');
  const variants = [...VARIANTS, '\r\n..\r\n', '\r\n.\r\n '];
  try {
    t.strictSame(await takenOf(postfix.address, ['\n.\n']), [2], 'sent to it directly some are split');
    await postfix.drained();
    sink.intake.delivered.length = 0;
    await takenOf(listener.address, variants);
    t.ok(intake.delivered.length > 2, `${intake.delivered.length} accepted`);
    await Promise.all(intake.delivered.map(({ content }) => relay(postfix.address, withoutTrace(content))));
    await postfix.drained();
    for (const [index, variant] of variants.entries()) {
      const accepted = messagesOf(intake.delivered, index).length;
      const came = messagesOf(sink.intake.delivered, index).length;
      t.equal(came, accepted, `${JSON.stringify(variant)}: ${accepted} accepted`);
    }
  } finally {
    await postfix.stop();
  }
});
