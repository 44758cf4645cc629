/** SMTP: command lines, MAIL and RCPT with their parameters, BDAT, dot-stuffing, bare line ends, headers of messages. */
import assert from 'node:assert/strict';
import { parseBdat } from '../../../src/smtp/codec/bdat.ts';
import { parseCommand } from '../../../src/smtp/codec/command.ts';
import { Dots } from '../../../src/smtp/codec/dots.ts';
import { inspectHeader } from '../../../src/smtp/codec/header.ts';
import { parseMail } from '../../../src/smtp/codec/mail.ts';
import { isAddressLiteral, isDomain, readPath } from '../../../src/smtp/codec/path.ts';
import { parseRcpt } from '../../../src/smtp/codec/rcpt.ts';
import { TextLines } from '../../../src/smtp/codec/text-lines.ts';
import { AUTH_LINE_OCTETS_MAX, COMMAND_OCTETS_MAX, HEADER_OCTETS_MAX } from '../../../src/smtp/limits.ts';
import {
  accepted,
  assertSame,
  type FuzzTarget,
  halves,
  maybe,
  type Outcome,
  refused,
  target,
} from '../target.ts';

const COMMANDS = [
  'EHLO client.example',
  'HELO client.example',
  'LHLO [IPv6:2001:db8::1]',
  'MAIL FROM:<a@b.example> SIZE=100 BODY=8BITMIME',
  'RCPT TO:<joe@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;joe@b.example',
  'DATA',
  'BDAT 86 LAST',
  'AUTH PLAIN AGpvZQBzZWNyZXQ=',
  'STARTTLS',
  'VRFY <joe@b.example>',
  'RSET',
  'NOOP x',
  'QUIT',
];
const WORDS = [
  'MAIL FROM:<',
  'RCPT TO:<',
  ' SMTPUTF8',
  ' BODY=BINARYMIME',
  ' NOTIFY=NEVER',
  ' ORCPT=utf-8;',
  ' RET=HDRS',
  ' ENVID=',
  ' AUTH=<>',
  ' SIZE=',
  '99999999999999999999',
  '@',
  '"\\',
  '>',
  ',@a:',
  '[127.0.0.1]',
  'IPv6:',
  '+2B',
  '+',
  '=',
  ';',
  ' ',
  '.',
  '\xc3\xa9',
  '\0',
  '\r',
  '\n',
];

function isReply(value: object): value is { readonly code: number; readonly text: string } {
  return 'code' in value;
}

/** A refusal is one line of printable ASCII that repeats nothing of the client's; a command is one. */
function commandOrReply(value: object): Outcome {
  if (!isReply(value)) return accepted(value);
  assert.ok(value.code >= 500 && value.code < 560, `code ${value.code}`);
  assert.match(value.text, /^[\x20-\x7e]{1,200}$/);
  return refused(value);
}

function undotted(pieces: readonly Buffer[]): { readonly text: Buffer; readonly end: number } {
  const dots = new Dots();
  const text: Buffer[] = [];
  let before = 0;
  for (const piece of pieces) {
    const segment = dots.feed(piece);
    text.push(...segment.text);
    if (segment.end >= 0) return { text: Buffer.concat(text), end: before + segment.end };
    before += piece.length;
  }
  return { text: Buffer.concat(text), end: -1 };
}

function measured(pieces: readonly Buffer[]): object {
  const lines = new TextLines();
  let before = 0;
  for (const piece of pieces) {
    const bare = lines.feed(piece);
    if (bare >= 0) return { bare: before + bare };
    before += piece.length;
  }
  return { bare: -1, longest: lines.longestOctets, nul: lines.hasNul, cr: lines.endsInCr };
}

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'smtp-command',
    seeds: COMMANDS,
    words: WORDS,
    octetsMax: AUTH_LINE_OCTETS_MAX,
    run(input) {
      const command = parseCommand(input);
      if (command !== undefined) assert.doesNotMatch(command.verb + command.argument, /[\r\n\0]/);
      return maybe(command);
    },
  }),
  target({
    name: 'smtp-mail',
    seeds: [
      'FROM:<>',
      'FROM:<a@b.example>',
      'FROM: <@x.example,@y.example:"a b"@[192.0.2.1]> SIZE=1000 BODY=BINARYMIME SMTPUTF8',
      'FROM:<a@b.example> RET=HDRS ENVID=QQ314159 AUTH=a+2Bb@c.example',
    ],
    words: WORDS,
    octetsMax: COMMAND_OCTETS_MAX,
    run: (input) => commandOrReply(parseMail(input.toString(), { hasAuth: true })),
  }),
  target({
    name: 'smtp-rcpt',
    seeds: [
      'TO:<Postmaster>',
      'TO:<joe@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;joe+2B1@b.example',
      'TO: <"j\\"o"@[IPv6:2001:db8::1]> NOTIFY=NEVER',
    ],
    words: WORDS,
    octetsMax: COMMAND_OCTETS_MAX,
    run: (input) => commandOrReply(parseRcpt(input.toString(), { smtpUtf8: input.length % 2 === 0 })),
  }),
  target({
    name: 'smtp-path',
    seeds: ['<>', '<a@b.example>', '<@x:a@b>', '<"a b"@[192.0.2.1]>', '<a.b@[IPv6:::1]>', '<a@[x:y]>'],
    words: WORDS,
    octetsMax: COMMAND_OCTETS_MAX,
    run(input) {
      const text = input.toString();
      isDomain(text);
      isAddressLiteral(text);
      const path = readPath(text, 0);
      if (path.kind !== 'value') return refused(path);
      assert.ok(path.next > 0 && path.next <= text.length);
      return accepted(path.value);
    },
  }),
  target({
    name: 'smtp-bdat',
    seeds: ['0', '1000', '86 LAST', '00000000000000000001  last'],
    words: ['LAST', ' ', '-', '9007199254740993', '1e3', '0x'],
    octetsMax: COMMAND_OCTETS_MAX,
    run(input) {
      const chunk = parseBdat(input.toString('latin1'));
      if (chunk !== undefined) assert.ok(Number.isSafeInteger(chunk.octets) && chunk.octets >= 0);
      return maybe(chunk);
    },
  }),
  target({
    name: 'smtp-dots',
    seeds: ['.\r\n', 'a\r\n.\r\n', '..a\r\n...\r\n.b\r\n\r\n.\r\nQUIT\r\n'],
    words: ['.', '\r\n', '\r\n.', '.\r\n', '\n.\n', '\r.\r', '\r\n.\r\n'],
    run(input) {
      const whole = undotted([input]);
      return whole.end < 0 ? refused(whole) : accepted(whole);
    },
    check(input, { kind, value }) {
      assertSame(undotted(halves(input)), value, 'the cut changes the text');
      // RFC 5321 section 4.5.2: only CRLF.CRLF ends it.
      assert.equal(kind === 'accepted', /(?:^|\r\n)\.\r\n/.test(input.toString('latin1')));
    },
  }),
  target({
    name: 'smtp-text-lines',
    seeds: ['a\r\nb\r\n', '\r\n\r\n', 'long '.repeat(30)],
    words: ['\r\n', '\r', '\n', '\r\r\n', '\0'],
    run(input) {
      const whole = measured([input]);
      return 'longest' in whole ? accepted(whole) : refused(whole);
    },
    check(input, { kind, value }) {
      assertSame(measured(halves(input)), value, 'the cut changes what is found');
      // RFC 5321 section 2.3.8: CR and LF only together.
      assert.equal(kind === 'refused', /(?<!\r)\n|\r(?=[^\n])/.test(input.toString('latin1')));
    },
  }),
  target({
    name: 'smtp-header',
    seeds: [
      'Received: from a by b;\r\n date\r\nDate: x\r\nMessage-ID: <a@b>\r\n\r\nbody\r\n',
      'received:\r\nRECEIVED :x\r\n\r\n',
      '\r\nno header',
    ],
    words: ['Received:', 'Date:', 'Message-ID:', '\r\n', '\r\n\r\n', ':', ' ', '\t'],
    octetsMax: HEADER_OCTETS_MAX,
    run(input) {
      const facts = inspectHeader(input);
      assert.ok(facts.octets >= 0 && facts.octets <= input.length);
      return accepted(facts);
    },
  }),
];
