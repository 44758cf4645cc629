/** Whatever a message holds, BODY, BODYSTRUCTURE and ENVELOPE keep to the grammar of RFC 9051 section 9. */
import assert from 'node:assert/strict';
import t from 'tap';
import { bodyStructure } from '../../../src/imap/codec/bodystructure.ts';
import { join } from '../../../src/imap/codec/write.ts';
import { scanMessage } from '../../../src/mime/scanner.ts';
import { CORPUS, crlf, deep, deepMessages, wide } from '../../mime/corpus.ts';
import { mutate, seeded } from '../../mime/seeded.ts';

/** A response value: a string, a number, NIL or a list. */
type Value = { readonly string: Buffer } | number | null | readonly Value[];

function parseValue(octets: Buffer): Value {
  let at = 0;
  const value = (): Value => {
    const char = String.fromCharCode(octets[at]!);
    if (char === '(') {
      const list: Value[] = [];
      at++;
      while (octets[at] !== 0x29) {
        assert.ok(at < octets.length, 'list ends');
        list.push(value());
        // Bodies and addresses follow each other without a space; everything else has one.
        if (octets[at] === 0x20) at++;
      }
      at++;
      return list;
    }
    if (char === '"') return quoted();
    const rest = octets.toString('latin1', at, at + 32);
    const literal = /^\{(\d+)\}\r\n/.exec(rest);
    if (literal !== null) {
      const from = at + literal[0].length;
      at = from + Number(literal[1]);
      return { string: octets.subarray(from, at) };
    }
    const atom = /^(?:NIL|\d+)(?=[ )]|$)/.exec(rest);
    assert.ok(atom, `neither string nor number: ${rest}`);
    at += atom[0].length;
    return atom[0] === 'NIL' ? null : Number(atom[0]);
  };
  const quoted = (): Value => {
    const from = ++at;
    for (; octets[at] !== 0x22; at++) {
      assert.ok(
        at < octets.length && octets[at]! < 0x80 && ![0, 10, 13].includes(octets[at]!),
        'quoted string',
      );
      if (octets[at] === 0x5c) at++;
    }
    return { string: octets.subarray(from, at++) };
  };
  const whole = value();
  assert.equal(at, octets.length, 'nothing behind it');
  return whole;
}

const isString = (value: Value | undefined): boolean =>
  typeof value === 'object' && value !== null && 'string' in value;
const isNString = (value: Value | undefined): boolean => value === null || isString(value);
const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);

/** body-fld-param */
function checkParameters(value: Value | undefined): void {
  if (value === null) return;
  assert.ok(
    isList(value) && value.length > 0 && value.length % 2 === 0 && value.every(isString),
    'parameters',
  );
}

/** body-fld-dsp, body-fld-lang, body-fld-loc */
function checkExtension([disposition, language, location, ...more]: readonly Value[]): void {
  if (disposition !== null) {
    assert.ok(isList(disposition) && disposition.length === 2 && isString(disposition[0]), 'disposition');
    checkParameters(disposition[1]);
  }
  assert.ok(
    isNString(language) || (isList(language) && language.length > 0 && language.every(isString)),
    'language',
  );
  assert.ok(isNString(location) && more.length === 0, 'location');
}

/** envelope */
function checkEnvelope(value: Value | undefined): void {
  assert.ok(isList(value) && value.length === 10, 'envelope');
  for (const index of [0, 1, 8, 9]) assert.ok(isNString(value[index]), 'envelope string');
  for (const list of value.slice(2, 8)) {
    if (list === null) continue;
    assert.ok(isList(list) && list.length > 0, 'addresses');
    for (const address of list)
      assert.ok(isList(address) && address.length === 4 && address.every(isNString));
  }
}

/** body */
function checkBody(value: Value | undefined, extended: boolean): void {
  assert.ok(isList(value), 'body');
  if (isList(value[0])) {
    const parts = value.findIndex((one) => !isList(one));
    for (const part of value.slice(0, parts)) checkBody(part, extended);
    assert.ok(isString(value[parts]), 'subtype');
    if (!extended) return assert.equal(value.length, parts + 1);
    checkParameters(value[parts + 1]);
    return checkExtension(value.slice(parts + 2));
  }
  const [type, subtype, parameters, id, description, encoding, octets, ...rest] = value;
  assert.ok(isString(type) && isString(subtype), 'media type');
  checkParameters(parameters);
  assert.ok(
    isNString(id) && isNString(description) && isString(encoding) && typeof octets === 'number',
    'fields',
  );
  const media = [type, subtype].map((one) =>
    (one as { string: Buffer }).string.toString('latin1').toLowerCase(),
  );
  if (media[0] === 'message' && /^(?:rfc822|global)$/.test(media[1]!)) {
    checkEnvelope(rest.shift());
    checkBody(rest.shift(), extended);
    assert.equal(typeof rest.shift(), 'number', 'lines of a message');
  } else if (media[0] === 'text') assert.equal(typeof rest.shift(), 'number', 'lines of a text');
  if (!extended) return assert.equal(rest.length, 0);
  assert.ok(isNString(rest.shift()), 'MD5');
  checkExtension(rest);
}

function check(octets: Buffer): void {
  const part = scanMessage(octets);
  for (const extended of [false, true])
    checkBody(parseValue(join(bodyStructure(part, extended, { utf8: false }))), extended);
}

void t.test('the corpus, deep and wide messages', async (t) => {
  for (const { octets } of CORPUS) check(octets);
  for (const octets of [deep(), deepMessages(), wide(3000)]) check(octets);
  check(crlf(`To: ${'a@b,'.repeat(9000)}\nContent-Language: ${'x,'.repeat(900)}\n\n`));
  t.pass('all within the grammar');
});

void t.test('RFC 9051 section 7.5.2: extension data', async (t) => {
  const written = (text: string) =>
    join(bodyStructure(scanMessage(crlf(text)), true, { utf8: false })).toString('latin1');
  t.equal(
    written(
      'Content-Type: image/gif\nContent-MD5: x\nContent-Disposition: inline\nContent-Language: en\nContent-Location: a b\n\n',
    ),
    '("image" "gif" NIL NIL NIL "7bit" 0 "x" ("inline" NIL) ("en") "a b")',
  );
  t.equal(
    written('Content-Type: multipart/mixed; boundary=b\nContent-Language: en\n\n--b\n\n--b--\n'),
    '(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL ("en") NIL)',
  );
});

void t.test('fuzz', async (t) => {
  const seed = 20260914;
  const random = seeded(seed);
  const extra = crlf(
    'From: "A" <a@b>, g: c@d;\nTo: e@f (x)\nSubject: \xfc"\\\nContent-Type: text/plain; a="b"\nContent-Disposition: attachment; filename=x\nContent-Language: de, en\nContent-ID: <x>\n\nbody\n',
  );
  const seeds = [...CORPUS.map(({ octets }) => octets), extra];
  const dictionary = [
    '"',
    '\\',
    '(',
    ')',
    ':',
    ';',
    '=',
    '\0',
    '\r',
    '\n',
    'Content-',
    'message/global',
    'text/',
    '--b',
    ',',
  ];
  for (let run = 0; run < 2000; run++) {
    const octets = mutate(seeds[random.below(seeds.length)]!, random, dictionary);
    try {
      check(octets);
    } catch (cause) {
      throw new Error(`seed ${seed} run ${run}: ${JSON.stringify(octets.toString('latin1'))}`, { cause });
    }
  }
  t.pass(`seed ${seed}`);
});
