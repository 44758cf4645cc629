/** Fields of binary payloads (docs/storage.md): octets, limits, cuts, and any octets at all. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Decoder, Encoder, tryDecode } from '../../src/lib/encoder.ts';

const SEED = 20261123;

const UINTS: readonly (readonly [value: number, hex: string])[] = [
  [0, '00'],
  [1, '01'],
  [127, '7f'],
  [128, '8001'],
  [300, 'ac02'],
  [2 ** 32, '8080808010'],
  [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
];

void t.test('integers: unsigned LEB128 up to 2^53 - 1', async (t) => {
  for (const [value, hex] of UINTS) {
    t.equal(new Encoder().uint(value).done().toString('hex'), hex);
    const decoder = new Decoder(Buffer.from(hex, 'hex'));
    t.equal(decoder.uint(), value);
    t.ok(decoder.atEnd);
  }
  for (const wrong of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => new Encoder().uint(wrong), RangeError, String(wrong));
  for (const hex of ['ffffffffffffff10', 'ffffffffffffffff01', '808080808080808000'])
    t.throws(() => new Decoder(Buffer.from(hex, 'hex')).uint(), { message: 'integer too large' }, hex);
});

void t.test('octets, text, lists, one behind the other', async (t) => {
  const octets = new Encoder()
    .bool(true)
    .text('é')
    .bytes(Buffer.from([1, 2]))
    .list([5, 300], (value, to) => to.uint(value))
    .done();
  t.equal(octets.toString('hex'), '0102c3a90201020205ac02');
  const decoder = new Decoder(octets);
  t.equal(decoder.bool(), true);
  t.equal(decoder.text(), 'é');
  t.equal(decoder.offset, 4);
  t.same(decoder.bytes(), Buffer.from([1, 2]));
  t.same(
    decoder.list((each) => each.uint()),
    [5, 300],
  );
  t.ok(decoder.atEnd);
});

void t.test('every cut is an error, and a length that lies costs nothing', async (t) => {
  const octets = new Encoder()
    .text('hello')
    .list(['a', 'b'], (value, to) => to.text(value))
    .done();
  const read = (decoder: Decoder): unknown => [decoder.text(), decoder.list((each) => each.text())];
  t.same(tryDecode(octets, read), ['hello', ['a', 'b']]);
  for (let cut = 0; cut < octets.length; cut++)
    t.equal(tryDecode(octets.subarray(0, cut), read), undefined, `cut at ${cut}`);
  const many = new Encoder().uint(2 ** 40).done();
  t.equal(
    tryDecode(many, (decoder) => decoder.list(() => 0)),
    undefined,
  );
  t.equal(
    tryDecode(many, (decoder) => decoder.bytes()),
    undefined,
  );
  t.throws(
    () =>
      tryDecode(octets, () => {
        throw new TypeError('ours');
      }),
    TypeError,
    'a bug of ours is not taken for wrong octets',
  );
});

void t.test('property: what was written is read', async (t) => {
  const field = fc.record(
    {
      number: fc.maxSafeNat(),
      text: fc.string({ unit: 'grapheme', maxLength: 300 }),
      bytes: fc.uint8Array({ maxLength: 600 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(field, { maxLength: 5 }), (fields) => {
      const octets = new Encoder()
        .list(fields, ({ number, text, bytes }, to) => to.uint(number).text(text).bytes(bytes))
        .done();
      const decoder = new Decoder(octets);
      const read = decoder.list((each) => ({
        number: each.uint(),
        text: each.text(),
        bytes: new Uint8Array(each.bytes()),
      }));
      assert.deepEqual(read, fields);
      return decoder.atEnd;
    }),
    { seed: SEED, numRuns: 200 },
  );
  t.pass(`seed ${SEED}`);
});

void t.test('fuzz: any octets are read or refused', async (t) => {
  const asks: readonly ((decoder: Decoder) => unknown)[] = [
    (decoder) => decoder.uint(),
    (decoder) => decoder.bytes(),
    (decoder) => decoder.text(),
    (decoder) => decoder.list((each) => each.bytes()),
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), fc.array(fc.constantFrom(...asks)), (octets, some) => {
      const offset = tryDecode(Buffer.from(octets), (decoder) => {
        for (const ask of some) ask(decoder);
        return decoder.offset;
      });
      return offset === undefined || offset <= octets.length;
    }),
    { seed: SEED, numRuns: 500 },
  );
  t.pass(`seed ${SEED}`);
});
