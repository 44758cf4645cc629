/** RFC 3030 section 3, RFC 2045 section 6: binary parts become base64, everything else stays as it is. */
import * as fc from 'fast-check';
import t from 'tap';
import { scanMessage } from '../../src/mime/scanner.ts';
import { Slices } from '../../src/platform/slices.ts';
import { asText, type BinaryOptions } from '../../src/smtp/binary.ts';
import { TextLines } from '../../src/smtp/codec/text-lines.ts';
import type { Message } from '../../src/smtp/content.ts';
import { isReply } from '../../src/smtp/types.ts';
import { ManualClock } from '../support/manual-clock.ts';

const NO_LIMIT: BinaryOptions = {
  octetsMax: 2 ** 30,
  take: () => true,
  slices: new Slices(new ManualClock()),
};

function message(...parts: readonly (string | Buffer)[]): Message {
  const buffers = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part));
  return { parts: buffers, hasDate: true, hasMessageId: true, isText: false };
}

async function texted(given: Message, options = NO_LIMIT): Promise<string> {
  const result = await asText(given, options);
  return isReply(result) ? `${result.code} ${result.text}` : Buffer.concat(result.parts).toString('latin1');
}

void t.test('the leaf is encoded and its field replaced; other octets stay', async (t) => {
  const begin =
    'Subject: x\r\nContent-Type: multipart/mixed; boundary=B\r\nContent-Transfer-Encoding: binary\r\n\r\npreamble\r\n--B\r\n';
  const text = 'Content-Transfer-Encoding: binary\r\n\r\nplain\r\n--B\r\n';
  const rest = '\r\n--B--\r\nepilogue\r\n';
  const body = Buffer.concat([Buffer.from('a\0b\rc\nd'), Buffer.alloc(100, 7)]);
  const field = 'CONTENT-TRANSFER-ENCODING:\r\n Binary';
  const given = message(
    begin,
    text,
    `X: 1\r\n${field}\r\nY: 2\r\n\r\n`,
    body.subarray(0, 5),
    body.subarray(5),
    rest,
  );
  const encoded = body.toString('base64').replace(/(.{76})(?=.)/g, '$1\r\n');
  t.equal(
    await texted(given),
    `${begin}${text}X: 1\r\nContent-Transfer-Encoding: base64\r\nY: 2\r\n\r\n${encoded}${rest}`,
  );
});

void t.test('a message that is one leaf, and one within a message', async (t) => {
  const leaf = 'Content-Transfer-Encoding: binary\r\n\r\n\0';
  const expected = 'Content-Transfer-Encoding: base64\r\n\r\nAA==\r\n';
  t.equal(await texted(message(leaf)), expected);
  const outer = 'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\n';
  t.equal(await texted(message(outer, leaf)), outer + expected);
});

void t.test('what cannot be encoded is refused', async (t) => {
  for (const [name, text] of [
    ['a leaf that does not say that it is binary', 'Subject: x\r\n\r\n\0'],
    ['one that says something else', 'Content-Transfer-Encoding: 8bit\r\n\r\na\nb'],
    ['NUL in a header', 'Subject: \0\r\nContent-Transfer-Encoding: binary\r\n\r\n\0'],
    ['bare LF in a header', 'Subject: x\nContent-Transfer-Encoding: binary\r\n\r\n\0'],
    ['a bare LF behind a header', 'Content-Transfer-Encoding: binary\r\n\n\0'],
    [
      'what is never encoded (RFC 2046 section 5.2.2)',
      'Content-Type: message/partial\r\nContent-Transfer-Encoding: binary\r\n\r\n\0',
    ],
    ['a CR at the end', 'Content-Type: multipart/mixed; boundary=B\r\n\r\n--B--\r\nx\r'],
  ] as const)
    t.match(await texted(message(text)), /^554 5\.6\.3 /, name);
});

void t.test('the result has the limits of a message', async (t) => {
  const given = message('Content-Transfer-Encoding: binary\r\n\r\n', Buffer.alloc(3000));
  t.match(await texted(given, { ...NO_LIMIT, octetsMax: 4000 }), /^552 5\.3\.4 /);
  let left = 4000;
  t.match(await texted(given, { ...NO_LIMIT, take: (octets) => (left -= octets) >= 0 }), /^452 4\.3\.1 /);
});

void t.test('property: any octets in any pieces come back out of the base64', async (t) => {
  const seed = 11;
  const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.boolean(), async (all, isLong) => {
      const body = Buffer.concat([Buffer.from([0]), ...all, Buffer.alloc(isLong ? 500_000 : 0, 3)]);
      const cut = all[0]!.length;
      const result = await asText(
        message('Content-Transfer-Encoding: binary\r\n\r\n', body.subarray(0, cut), body.subarray(cut)),
        NO_LIMIT,
      );
      if (isReply(result)) return false;
      const whole = Buffer.concat(result.parts);
      const { bodyFrom, to } = scanMessage(whole);
      const text = whole.toString('latin1', bodyFrom, to);
      const lines = text.split('\r\n');
      return (
        lines.pop() === '' &&
        lines.every((line) => line.length > 0 && line.length <= 76) &&
        Buffer.from(text, 'base64').equals(body)
      );
    }),
    { numRuns: 100, seed },
  );
  t.pass(`seed ${seed}`);
});

void t.test(
  'fuzz: whatever looks like MIME becomes text or is refused, and what is no binary leaf is kept',
  async (t) => {
    const seed = 12;
    const words = [
      '\r\n',
      '\n',
      '\r',
      '\0',
      'Content-Type: multipart/mixed; boundary=B\r\n',
      'Content-Type: message/rfc822\r\n',
      'Content-Transfer-Encoding: binary\r\n',
      'Content-Transfer-Encoding: 8bit\r\n',
      '\r\n--B\r\n',
      '\r\n--B--\r\n',
      'text',
      '\r\n\r\n',
    ];
    const cuts = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 25 });
    let converted = 0;
    await fc.assert(
      fc.asyncProperty(cuts, async (pieces) => {
        const result = await asText(message(...pieces), NO_LIMIT);
        if (isReply(result)) return result.code === 554;
        converted++;
        const lines = new TextLines();
        const isClean =
          result.parts.every((part) => lines.feed(part) < 0) && !lines.hasNul && !lines.endsInCr;
        // Done once more it finds nothing to do.
        const again = await texted(result);
        return isClean && again === Buffer.concat(result.parts).toString('latin1');
      }),
      { numRuns: 400, seed },
    );
    t.ok(converted > 20, `seed ${seed}: ${converted} of 400 became text`);
  },
);
