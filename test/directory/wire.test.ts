/** What bodies are made of: a peer's mistake is 'invalid', whatever it is. */
import t from 'tap';
import {
  readCount,
  readFields,
  readList,
  readObjectId,
  readText,
  readTransactionId,
} from '../../src/directory/wire.ts';

const OBJECT = { domainId: 1, name: 'joe', serial: '1-2' };
const TRANSACTION = { incarnation: '0123456789abcdef'.repeat(2), number: 3, lowestOpen: 1 };

void t.test('what fits is given back', async (t) => {
  t.strictSame(readObjectId({ ...OBJECT, later: true }), OBJECT, 'fields of a later version are left out');
  t.strictSame(readTransactionId(TRANSACTION), TRANSACTION);
  t.strictSame(
    readList(['a', 'b'], 'names', (each) => readText(each, 'name')),
    ['a', 'b'],
  );
  t.equal(readCount(0, 'count'), 0);
});

const BAD: readonly (readonly [what: string, read: () => unknown])[] = [
  ['no body', () => readFields(undefined)],
  ['null', () => readFields(null)],
  ['a text', () => readFields('joe')],
  ['a negative count', () => readCount(-1, 'count')],
  ['a fraction', () => readCount(0.5, 'count')],
  ['no safe integer', () => readCount(2 ** 53, 'count')],
  ['a bigint', () => readCount(1n, 'count')],
  ['a number for a text', () => readText(1, 'name')],
  ['no list', () => readList({ length: 1 }, 'names', String)],
  ['a list of others', () => readList(['a', 1], 'names', (each) => readText(each, 'name'))],
  ['an object id without serial', () => readObjectId({ domainId: 1, name: 'joe' })],
  ['an object id of no domain', () => readObjectId({ ...OBJECT, domainId: 'a' })],
  ['an incarnation that is too short', () => readTransactionId({ ...TRANSACTION, incarnation: 'abc' })],
  ['an incarnation in capitals', () => readTransactionId({ ...TRANSACTION, incarnation: 'A'.repeat(32) })],
  ['no number', () => readTransactionId({ ...TRANSACTION, number: undefined })],
  ['no lowest open number', () => readTransactionId({ ...TRANSACTION, lowestOpen: '1' })],
];

for (const [what, read] of BAD)
  void t.test(what, async (t) => void t.throws(read, { name: 'Failure', code: 'invalid' }));
