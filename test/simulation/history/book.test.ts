/** The book of histories: groups open and fill, what is not linearizable is told with its history. */
import t from 'tap';
import { Book } from './book.ts';
import type { History, Operation } from './history.ts';

function tell(history: History, operation: Operation, value: string | null, askedMs: number): void {
  const entry = history.asks('c', operation, askedMs);
  entry.outcome = { kind: 'done', value };
  entry.answeredMs = askedMs + 1;
}

void t.test('a group takes so many operations, and so many without an answer', async (t) => {
  const book = new Book();
  const [first, second] = book.groups as [History, History];
  t.same([first.subject, second.subject], ['g0', 'g1']);
  for (let i = 0; i < 30; i++) tell(first, { kind: 'resolve', name: 'g0a' }, null, i);
  for (let i = 0; i < 7; i++) second.asks('c', { kind: 'create', name: 'g1a' }, i);
  t.same(
    book.groups.map(({ subject }) => subject),
    ['g2', 'g3'],
  );
  t.equal(book.allGroups.length, 4);
  t.same(book.check(), []);
  t.equal(book.checked, 37);
  t.equal(book.acknowledged, 30);
});

void t.test('what cannot be is told', async (t) => {
  const book = new Book();
  const [group] = book.groups as [History];
  tell(group, { kind: 'create', name: 'g0a' }, 'A', 0);
  tell(group, { kind: 'resolve', name: 'g0a' }, 'B', 5);
  const [setting] = book.settings as [History];
  tell(setting, { kind: 'get', at: 'fe1' }, 'never set', 0);
  const [names, values] = book.check();
  t.match(names, /^g0 is not linearizable:\n.*create.*"A".*\n.*resolve.*"B"/);
  t.match(values, /^s0 as fe1 shows it is not linearizable:/);
});
