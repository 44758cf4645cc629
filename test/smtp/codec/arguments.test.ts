/** Arguments of MAIL, RCPT and BDAT, and command lines: tables, and a fuzz target for each. */
import * as fc from 'fast-check';
import t from 'tap';
import { parseBdat } from '../../../src/smtp/codec/bdat.ts';
import { parseCommand } from '../../../src/smtp/codec/command.ts';
import { parseMail } from '../../../src/smtp/codec/mail.ts';
import { decodeXtext, parseParameters } from '../../../src/smtp/codec/parameters.ts';
import { parseRcpt } from '../../../src/smtp/codec/rcpt.ts';
import { isReply } from '../../../src/smtp/types.ts';

const AUTH = { hasAuth: true };
const EMPTY = {
  reversePath: 'a@b.example',
  size: undefined,
  body: '7BIT',
  smtpUtf8: false,
  ret: undefined,
  envid: undefined,
  auth: undefined,
};

void t.test('MAIL', (t) => {
  const good: readonly (readonly [string, object])[] = [
    ['FROM:<a@b.example>', {}],
    ['from: <a@b.example> ', {}],
    ['FROM:<>', { reversePath: '' }],
    ['FROM:<a@b.example> SIZE=12345678901234567890', { size: 1.2345678901234567e19 }],
    ['FROM:<a@b.example>  size=1  BODY=8bitmime', { size: 1, body: '8BITMIME' }],
    ['FROM:<a@b.example> BODY=BinaryMime SMTPUTF8', { body: 'BINARYMIME', smtpUtf8: true }],
    ['FROM:<\u00e9@b.example> SMTPUTF8', { reversePath: '\u00e9@b.example', smtpUtf8: true }],
    ['FROM:<a@b.example> RET=full ENVID=QQ314159+3D+20x', { ret: 'FULL', envid: 'QQ314159= x' }],
    ['FROM:<a@b.example> AUTH=<>', { auth: '' }],
    ['FROM:<a@b.example> AUTH=e+3Dmc2@example.com', { auth: 'e=mc2@example.com' }],
  ];
  for (const [text, found] of good) t.strictSame(parseMail(text, AUTH), { ...EMPTY, ...found }, text);
  const bad: readonly (readonly [string, string])[] = [
    ['', '501 5.5.4'],
    ['TO:<a@b.example>', '501 5.5.4'],
    ['FROM:a@b.example', '501 5.1.7'],
    ['FROM:<a>', '501 5.1.7'],
    ['FROM:<Postmaster>', '501 5.1.7'],
    ['FROM:<a@b.example>SIZE=1', '501 5.5.4'],
    ['FROM:<a@b.example> SIZE', '501 5.5.4'],
    ['FROM:<a@b.example> SIZE=', '501 5.5.4'],
    ['FROM:<a@b.example> SIZE=-1', '501 5.5.4'],
    ['FROM:<a@b.example> SIZE=123456789012345678901', '501 5.5.4'],
    ['FROM:<a@b.example> SIZE=1 size=1', '501 5.5.4'],
    ['FROM:<a@b.example> =1', '501 5.5.4'],
    ['FROM:<a@b.example> SMTPUTF8=1', '501 5.5.4'],
    ['FROM:<a@b.example> RET=ALL', '501 5.5.4'],
    ['FROM:<a@b.example> ENVID=', '501 5.5.4'],
    ['FROM:<a@b.example> ENVID=a+0D+0Ab', '501 5.5.4'],
    ['FROM:<a@b.example> ENVID=a+3d', '501 5.5.4'],
    [`FROM:<a@b.example> ENVID=${'x'.repeat(101)}`, '501 5.5.4'],
    ['FROM:<a@b.example> AUTH=', '501 5.5.4'],
    ['FROM:<a@b.example> AUTH=a+20b', '501 5.5.4'],
    ['FROM:<a@b.example> constructor', '555 5.5.4'],
    ['FROM:<a@b.example> NOTIFY=NEVER', '555 5.5.4'],
    ['FROM:<\u00e9@b.example>', '553 5.6.7'],
  ];
  for (const [text, reply] of bad) t.equal(replyOf(parseMail(text, AUTH)), reply, text);
  t.equal(
    replyOf(parseMail('FROM:<> AUTH=<>', { hasAuth: false })),
    '555 5.5.4',
    'not where AUTH is not offered',
  );
  t.end();
});

void t.test('RCPT', (t) => {
  const rules = { smtpUtf8: false };
  t.strictSame(parseRcpt('TO:<a@b.example>', rules), { forwardPath: 'a@b.example', dsn: undefined });
  const good: readonly (readonly [string, object])[] = [
    ['NOTIFY=NEVER', { notify: ['NEVER'], orcpt: undefined }],
    ['notify=delay,success', { notify: ['SUCCESS', 'DELAY'], orcpt: undefined }],
    [
      'ORCPT=rfc822;a+2Bb@c.example',
      { notify: undefined, orcpt: { type: 'rfc822', address: 'a+b@c.example' } },
    ],
    [
      'ORCPT=X400;/S=a'.replace('/S=', '/S+3D'),
      { notify: undefined, orcpt: { type: 'x400', address: '/S=a' } },
    ],
  ];
  for (const [text, dsn] of good)
    t.strictSame(parseRcpt(`TO:<a@b.example> ${text}`, rules), { forwardPath: 'a@b.example', dsn }, text);
  t.match(parseRcpt('TO:<a@b.example> ORCPT=utf-8;\u00e9@b.example', { smtpUtf8: true }), {
    dsn: { orcpt: { type: 'utf-8', address: '\u00e9@b.example' } },
  });
  const bad: readonly (readonly [string, string])[] = [
    ['', '501 5.5.4'],
    ['FROM:<a@b.example>', '501 5.5.4'],
    ['TO:<>', '501 5.1.3'],
    ['TO:<a>', '501 5.1.3'],
    ['TO:<a@b.example>X', '501 5.5.4'],
    ['TO:<\u00e9@b.example>', '553 5.6.7'],
    ['TO:<a@b.example> NOTIFY', '501 5.5.4'],
    ['TO:<a@b.example> NOTIFY=NEVER,DELAY', '501 5.5.4'],
    ['TO:<a@b.example> NOTIFY=DELAY,DELAY', '501 5.5.4'],
    ['TO:<a@b.example> NOTIFY=DELAY,', '501 5.5.4'],
    ['TO:<a@b.example> ORCPT=a', '501 5.5.4'],
    ['TO:<a@b.example> ORCPT=;a', '501 5.5.4'],
    ['TO:<a@b.example> ORCPT=rfc822;', '501 5.5.4'],
    ['TO:<a@b.example> ORCPT=rfc822;a+0Ab', '501 5.5.4'],
    ['TO:<a@b.example> ORCPT=utf-8;\u00e9@b.example', '501 5.5.4'],
    [`TO:<a@b.example> ORCPT=rfc822;${'x'.repeat(500)}`, '501 5.5.4'],
    ['TO:<a@b.example> SIZE=1', '555 5.5.4'],
  ];
  for (const [text, reply] of bad) t.equal(replyOf(parseRcpt(text, rules)), reply, text);
  t.end();
});

void t.test('BDAT (RFC 3030 section 2)', (t) => {
  t.strictSame(parseBdat('0'), { octets: 0, isLast: false });
  t.strictSame(parseBdat('1000  last'), { octets: 1000, isLast: true });
  for (const text of [
    '',
    'LAST',
    '1LAST',
    '-1',
    '1.5',
    '0x10',
    '1 LAST x',
    '1 FIRST',
    '99999999999999999999',
    '1'.repeat(21),
  ])
    t.equal(parseBdat(text), undefined, text);
  t.end();
});

void t.test('command lines', (t) => {
  t.strictSame(parseCommand(Buffer.from('mail FROM:<>  ')), { verb: 'MAIL', argument: 'FROM:<>' });
  t.strictSame(parseCommand(Buffer.from('')), { verb: '', argument: '' });
  t.strictSame(parseCommand(Buffer.from('VRFY  \u00e9')), { verb: 'VRFY', argument: '\u00e9' });
  for (const octets of ['a\0', 'a\tb', 'a\x7f', Buffer.from([0xc3, 0x28]), Buffer.from([0xc2, 0x85])])
    t.equal(parseCommand(Buffer.from(octets as string)), undefined);
  t.end();
});

void t.test('xtext (RFC 3461 section 4) is read back as it was written', (t) => {
  const printable = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  });
  const encode = (text: string): string =>
    text.replace(/[ +=]/g, (each) => `+${each.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  fc.assert(
    fc.property(printable, (text) => decodeXtext(encode(text)) === text),
    { numRuns: 300, seed: 3 },
  );
  for (const text of ['+', '+4', '+4g', '+3d', 'a=b', 'a b', '\u00e9', '+00', '+7F', '+C3+A9'])
    t.equal(decodeXtext(text), undefined, text);
  t.end();
});

void t.test('fuzz: whatever comes is a command or a reply of ours, and no reply repeats it', (t) => {
  const piece = fc.constantFrom(
    'FROM:',
    'TO:',
    '<',
    '>',
    'a@b',
    ' ',
    'SIZE=',
    'BODY=',
    '8BITMIME',
    'NOTIFY=',
    'ORCPT=',
    ';',
    ',',
    '+',
    '=',
    '__proto__',
    '\u00e9',
  );
  const argument = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.array(piece, { maxLength: 20 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(argument, fc.boolean(), (text, flag) => {
      for (const parsed of [parseMail(text, { hasAuth: flag }), parseRcpt(text, { smtpUtf8: flag })])
        if (isReply(parsed) && !/^[5]\.\d\.\d [ -~]+$/.test(parsed.text)) return false;
      parseParameters(` ${text}`);
      parseCommand(Buffer.from(text));
      const chunk = parseBdat(text);
      return chunk === undefined || Number.isSafeInteger(chunk.octets);
    }),
    { numRuns: 500, seed: 4 },
  );
  t.end();
});

function replyOf(parsed: object): string {
  return isReply(parsed) ? `${parsed.code} ${parsed.text.slice(0, 5)}` : 'taken';
}
