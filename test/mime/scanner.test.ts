/** The structure of messages: the corpus with every cut, limits, linear time, and a seeded fuzz. */
import assert from 'node:assert/strict';
import t from 'tap';
import { bodyStructure } from '../../src/imap/codec/bodystructure.ts';
import { join } from '../../src/imap/codec/write.ts';
import { envelopeOf } from '../../src/mime/envelope.ts';
import { DEPTH_MAX, HEADER_OCTETS_MAX, PARTS_MAX } from '../../src/mime/limits.ts';
import type { Part } from '../../src/mime/part.ts';
import { MimeScanner, scanMessage } from '../../src/mime/scanner.ts';
import { CORPUS, crlf, deep, deepMessages, wide } from './corpus.ts';
import { mutate, seeded } from './seeded.ts';

function written(part: Part, extended = false): string {
  return join(bodyStructure(part, extended, { utf8: false })).toString('latin1');
}

function scanned(chunks: readonly Buffer[]): Part {
  const scanner = new MimeScanner();
  for (const chunk of chunks) {
    // The buffer is used again: nothing of it may be kept.
    const receive = Buffer.from(chunk);
    scanner.push(receive);
    receive.fill(0x2d);
  }
  return scanner.end();
}

for (const { name, octets, body } of CORPUS)
  void t.test(name, async (t) => {
    const whole = scanMessage(octets);
    t.equal(written(whole), body);
    for (let cut = 0; cut <= octets.length; cut++)
      assert.deepEqual(scanned([octets.subarray(0, cut), octets.subarray(cut)]), whole, `cut at ${cut}`);
    const single = Array.from(octets, (octet) => Buffer.from([octet]));
    t.strictSame(scanned(single), whole, 'octet by octet');
    consistent(whole, octets.length);
  });

void t.test('LF alone ends lines as well', async (t) => {
  for (const { name, octets, body } of CORPUS) {
    const lf = Buffer.from(octets.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
    const sizes = (text: string) => text.replace(/\{\d+\}\r\n/g, '').replace(/ \d+/g, '');
    t.equal(sizes(written(scanMessage(lf))), sizes(body), name);
  }
});

void t.test('offsets are those of the octets', async (t) => {
  const octets = crlf('Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\n\none\n--b--\n');
  const part = scanMessage(octets).parts[0]!;
  t.equal(octets.toString('latin1', part.headerFrom, part.bodyFrom), 'X: y\r\n\r\n');
  t.equal(octets.toString('latin1', part.bodyFrom, part.to), 'one');
});

void t.test('depth is limited: what is deeper is one leaf', async (t) => {
  for (const octets of [deep(), deepMessages()]) {
    let depth = 1;
    let part = scanMessage(octets);
    for (
      let inner = part.parts[0] ?? part.message;
      inner !== undefined;
      inner = part.parts[0] ?? part.message
    ) {
      part = inner;
      depth++;
    }
    t.equal(depth, DEPTH_MAX);
    t.match(part.content, { type: 'application', subtype: 'octet-stream' });
    t.equal(part.to, octets.length, 'nothing is lost');
  }
});

void t.test('the number of parts is limited: the last one takes the rest', async (t) => {
  const octets = wide(PARTS_MAX + 10);
  const { parts } = scanMessage(octets);
  t.equal(parts.length, PARTS_MAX - 1, 'the message itself counts');
  t.equal(octets.toString('latin1', parts.at(-1)!.bodyFrom, parts.at(-1)!.to).split('--b').length, 12);
  t.ok(written(scanMessage(octets), true).length > 0, 'and can be written');
});

void t.test('a header larger than the limit is interpreted up to there', async (t) => {
  const header = `Subject: first\n${`X: ${'y'.repeat(60)}\n`.repeat(HEADER_OCTETS_MAX / 64)}To: late@x\n tail\n\nbody\n`;
  const part = scanMessage(crlf(header));
  t.equal(part.fields.get('subject')?.[0]?.toString(), 'first');
  t.notOk(part.fields.has('to'));
  t.equal(part.lines, 1);
});

void t.test('time is linear in the size for the worst inputs', async (t) => {
  const size = 2_000_000;
  const inputs = [
    Buffer.alloc(size, '\n'),
    Buffer.alloc(size, '--\n'),
    Buffer.alloc(size, 'a:\n'),
    Buffer.alloc(size, ' \n'),
    Buffer.concat([deep(99), Buffer.alloc(size, '--b\n')]),
    Buffer.concat([crlf('Content-Type: '), Buffer.alloc(HEADER_OCTETS_MAX - 100, '(')]),
    Buffer.concat([crlf('Content-Type: a/b'), Buffer.alloc(HEADER_OCTETS_MAX - 100, ';a=" ')]),
    Buffer.concat([crlf('To: '), Buffer.alloc(HEADER_OCTETS_MAX - 100, 'a,')]),
    Buffer.concat([crlf('To: '), Buffer.alloc(HEADER_OCTETS_MAX - 100, 'a.\r\n (c)')]),
    Buffer.concat([crlf('To: '), Buffer.alloc(HEADER_OCTETS_MAX - 100, '<@,:;"')]),
  ];
  for (const [index, octets] of inputs.entries()) {
    const before = process.cpuUsage();
    const part = scanMessage(octets);
    written(part, true);
    envelopeOf(part);
    const spent = process.cpuUsage(before);
    t.ok(spent.user + spent.system < 2_000_000, `input ${index}: ${(spent.user + spent.system) / 1000} ms`);
  }
});

void t.test('fuzz: any octets have a structure, the same for every cut', async (t) => {
  const seed = 20260905;
  const random = seeded(seed);
  const dictionary = [
    '--b',
    '--b--',
    '\r\n',
    '\r\n\r\n',
    'Content-Type: ',
    'multipart/',
    'message/rfc822',
    'boundary=b',
    '"',
    '\n',
  ];
  for (let run = 0; run < 1500; run++) {
    const octets = mutate(CORPUS[random.below(CORPUS.length)]!.octets, random, dictionary);
    const whole = scanMessage(octets);
    const cut = random.below(octets.length + 1);
    assert.deepEqual(
      scanned([octets.subarray(0, cut), octets.subarray(cut)]),
      whole,
      `seed ${seed} run ${run}`,
    );
    consistent(whole, octets.length);
    written(whole, true);
  }
  t.pass(`seed ${seed}`);
});

/** Parts lie within their parents, one after another, and all of it within the message. */
function consistent(root: Part, size: number): void {
  assert.equal(root.headerFrom, 0);
  assert.equal(root.to, size);
  const check = (part: Part): void => {
    assert.ok(part.headerFrom <= part.bodyFrom && part.bodyFrom <= part.to && part.lines >= 0);
    const inner = part.message === undefined ? part.parts : [part.message];
    let from = part.bodyFrom;
    for (const child of inner) {
      assert.ok(child.headerFrom >= from && child.to <= part.to, 'inside its parent, behind the part before');
      check(child);
      from = child.to;
    }
  };
  check(root);
}
