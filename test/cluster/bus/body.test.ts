/** Bodies: what goes in comes out; what a peer made up is refused before it costs memory or stack. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import t from 'tap';
import {
  BODY_DEPTH_MAX,
  BODY_VALUES_MAX,
  decodeBody,
  decodeFailure,
  decodeRequest,
  encodeBody,
  encodeFailure,
  encodeRequest,
  refuseBody,
  SERVICE_OCTETS_MAX,
} from '../../../src/cluster/bus/body.ts';
import { Failure } from '../../../src/lib/failure.ts';
import { Prng } from '../../support/prng.ts';

void t.test('plain values of every kind come back', async (t) => {
  const body = {
    nothing: null,
    absent: undefined,
    yes: true,
    small: -5,
    epoch: 2 ** 53 - 1,
    negative: -(2 ** 40),
    half: 0.5,
    text: 'é\u{1f600}'.repeat(100),
    octets: Buffer.from([0, 255]),
    list: [1, [2, []], {}],
    'any key': { deep: { deeper: 'x' } },
  };
  const decoded = decodeBody(encodeBody(body));
  t.same(decoded, { body });
  t.ok(typeof decoded !== 'string' && Buffer.isBuffer((decoded.body as typeof body).octets));
});

void t.test('round trip of generated values', async () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }).map((number) => number + 0),
      fc.string({ unit: 'binary' }),
      fc.uint8Array().map((octets) => Buffer.from(octets)),
      fc.array(tie('value'), { maxLength: 20 }),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('value'),
        {
          maxKeys: 20,
          noNullPrototype: true,
        },
      ),
    ),
  })).value;
  // The error says the seed.
  fc.assert(
    fc.property(value, (body) => {
      const octets = encodeBody(body);
      assert.equal(refuseBody(octets), undefined);
      assert.deepEqual(decodeBody(octets), { body });
    }),
    { numRuns: 300 },
  );
});

for (const [name, hex] of [
  ['nothing', ''],
  ['two values', '0101'],
  ['a reserved type', 'c1'],
  ['an array of 4 billion elements', 'ddffffffff'],
  ['an array of 30 million elements', 'dd01c9c380c0'],
  ['an object of 4 billion keys', 'dfffffffff'],
  ['a text cut short', 'da0005616263'],
  ['octets cut short', 'c6ffffffff00'],
  ['a length cut short', 'dc00'],
  ['an extension: date', 'd6ff00000000'],
  ['an extension: error', 'c7016501'],
  ['another fixed extension', 'd40100'],
  ['a key that is a number', '810102'],
  ['a key that is an object', '818001'],
  ['an object with half a pair', '81a161'],
] as const)
  void t.test(`refused: ${name}`, async (t) => {
    t.type(decodeBody(Buffer.from(hex, 'hex')), 'string');
  });

void t.test('nesting and number of values are bounded', async (t) => {
  const nested = (depth: number): Buffer => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([0x90])]);
  t.equal(refuseBody(nested(BODY_DEPTH_MAX)), undefined);
  t.match(refuseBody(nested(BODY_DEPTH_MAX + 1)), 'nested');
  t.match(refuseBody(nested(100_000)), 'nested');
  const many = Buffer.alloc(5 + BODY_VALUES_MAX);
  many.writeUInt8(0xdd, 0);
  many.writeUInt32BE(BODY_VALUES_MAX, 1);
  t.match(refuseBody(many), 'too many');
});

void t.test('a small body does not hold the memory that was taken for a large one', async (t) => {
  encodeBody(Buffer.alloc(2 ** 20));
  t.ok(encodeBody({ small: true }).buffer.byteLength <= 2 ** 16);
});

void t.test('requests: names of every length that is allowed, bodies of every size', async (t) => {
  for (const service of ['a', 'é', 'x'.repeat(SERVICE_OCTETS_MAX)])
    for (const octets of [0, 1, 4096, 70_000]) {
      const body = { octets: Buffer.alloc(octets, 7) };
      t.same(decodeRequest(encodeRequest(service, body)), { service, body });
    }
  for (const service of ['', 'x'.repeat(SERVICE_OCTETS_MAX + 1)])
    t.throws(() => encodeRequest(service, null), { code: 'invalid' });
});

void t.test('an object cannot reach a prototype', async (t) => {
  const octets = new Packr({ useRecords: false }).pack(new Map([['__proto__', new Map([['polluted', 1]])]]));
  decodeBody(octets);
  t.equal(({} as { polluted?: number }).polluted, undefined);
});

void t.test('broken bytes never throw', async (t) => {
  const seed = 'bus bodies';
  const random = new Prng(seed);
  const start = encodeBody({ a: [1, 'x', Buffer.alloc(20), { b: null }], c: 2 ** 40, d: 'y'.repeat(40) });
  for (let i = 0; i < 3000; i++) {
    const octets = Buffer.from(start);
    for (let n = random.between(1, 4); n > 0; n--) octets[random.below(octets.length)] = random.below(256);
    t.doesNotThrow(() => decodeBody(octets.subarray(0, random.between(0, octets.length))), `${seed} ${i}`);
  }
});

void t.test('requests name their service', async (t) => {
  t.same(decodeRequest(encodeRequest('a.b', 7)), { service: 'a.b', body: 7 });
  t.throws(() => encodeRequest('', 1), { code: 'invalid' });
  t.throws(() => encodeRequest('x'.repeat(256), 1), { code: 'invalid' });
  t.throws(() => encodeRequest('x', Symbol('no value')), { code: 'invalid' });
  for (const hex of ['', '00', '05616263', '0161', '0161c1'])
    t.type(decodeRequest(Buffer.from(hex, 'hex')), 'string', hex);
});

void t.test('failures keep their code, others say nothing', async (t) => {
  const failure = decodeFailure(encodeFailure(new Failure('no-space', 'full')));
  t.match(failure, { code: 'no-space', message: 'full' });
  t.match(decodeFailure(encodeFailure(new Error('secret'))), { code: 'unknown', message: 'failed' });
  t.match(decodeFailure(Buffer.from('\x03new\x01x')), { code: 'unknown', message: 'x' }, 'a later code');
  t.match(decodeFailure(Buffer.from('\x09toString!\x01x')), { code: 'unknown' });
  t.type(decodeFailure(Buffer.from([200])), 'string');
  const long = decodeFailure(encodeFailure(new Failure('limit', 'x'.repeat(5000))));
  t.ok(typeof long !== 'string' && long.message.length === 1024);
});

void t.test('a body of more values than a peer takes is refused where it is made', (t) => {
  const most = Array.from({ length: BODY_VALUES_MAX - 1 }, () => 1);
  t.type(decodeBody(encodeBody(most)), 'object');
  t.throws(() => encodeBody([...most, 1]), { code: 'limit' });
  t.throws(() => encodeRequest('service', [...most, 1]), { code: 'limit' });
  const large = encodeRequest('service', { octets: Buffer.alloc(2 * BODY_VALUES_MAX) });
  t.type(decodeRequest(large), 'object', 'octets are one value');
  t.end();
});
