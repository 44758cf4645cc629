/** What is remembered of frontends' requests. */
import t from 'tap';
import { TransactionTable } from '../../../src/store/account/transactions.ts';
import { transaction } from './support.ts';

void t.test('a result or a refusal is found until the frontend has closed it', async (t) => {
  const table = new TransactionTable();
  t.equal(table.find(transaction(1)), undefined);
  table.remember(transaction(1), Buffer.from('one'));
  table.remember(transaction(2), 'refused');
  t.same(table.find(transaction(1)), Buffer.from('one'));
  t.equal(table.find(transaction(2)), 'refused');
  t.equal(table.find(transaction(2, 1, 'b')), undefined, 'of another incarnation');
  table.remember(transaction(3, 3), Buffer.from('three'));
  t.equal(table.find(transaction(1)), 'closed');
  t.equal(table.find(transaction(2)), 'closed');
  t.same([table.count, table.octets], [1, 5]);
});

void t.test('the lowest open number never goes back', async (t) => {
  const table = new TransactionTable();
  table.remember(transaction(9, 9), Buffer.alloc(0));
  table.remember(transaction(10, 4), Buffer.alloc(0));
  t.equal(table.find(transaction(5)), 'closed');
});

void t.test('a number that came late is forgotten with its neighbours', async (t) => {
  const table = new TransactionTable();
  table.remember(transaction(5), Buffer.alloc(1));
  table.remember(transaction(2), Buffer.alloc(1));
  table.remember(transaction(6, 3), Buffer.alloc(1));
  t.equal(table.find(transaction(2)), 'closed');
  table.remember(transaction(7, 7), Buffer.alloc(1));
  t.same([table.count, table.octets], [1, 1]);
});

void t.test('an incarnation is forgotten as a whole', async (t) => {
  const table = new TransactionTable();
  table.remember(transaction(1), Buffer.alloc(4));
  table.remember(transaction(2), 'refused');
  table.remember(transaction(1, 1, 'b'), Buffer.alloc(3));
  t.equal(table.incarnations.length, 2);
  table.forgetIncarnation(transaction(1).incarnation);
  table.forgetIncarnation(transaction(1).incarnation);
  t.same([table.count, table.octets, table.incarnations.length], [1, 3, 1]);
  t.equal(table.find(transaction(1)), undefined);
});

void t.test('the order in which they are remembered makes no difference', async (t) => {
  const all = [
    [transaction(4, 1), 'four'],
    [transaction(2, 1), 'two'],
    [transaction(7, 3), 'seven'],
    [transaction(5, 3), 'five'],
  ] as const;
  const tables = [all, all.toReversed(), [...all, ...all]].map((some) => {
    const table = new TransactionTable();
    for (const [id, result] of some) table.remember(id, Buffer.from(result));
    return table;
  });
  for (const table of tables) {
    t.strictSame(table.entries(), tables[0]?.entries());
    t.same([table.count, table.octets], [3, 13]);
    t.same(
      [...table.outcomesFrom(transaction(1).incarnation, 5)].map(([{ number }]) => number),
      [5, 7],
    );
  }
});
