import t from 'tap';
import { Failure, type FailureCode } from '../../../src/lib/failure.ts';
import { Term } from '../../../src/store/host/term.ts';
import { epochOf, type Incarnation, type Slot } from '../../../src/store/ids.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function term(): { readonly term: Term; readonly givenBack: () => number } {
  let count = 0;
  const lease = {
    incarnation: 'a'.repeat(32) as Incarnation,
    epoch: epochOf(1, 1),
    held: () => true,
    confirm: async () => true,
    reportLargerEpoch: () => undefined,
    giveBack: () => void count++,
  };
  return { term: new Term(5 as Slot, lease, new ManualClock()), givenBack: () => count };
}

function fails(on: Term, code: FailureCode): Promise<unknown> {
  return on.opening(() => Promise.reject(new Failure(code, 'test'))).catch(() => undefined);
}

void t.test(
  'rule 3: a slot whose log cannot be taken is given back, but not for lack of space',
  async (t) => {
    const slot = term();
    for (let count = 0; count < 4; count++) await fails(slot.term, 'unavailable');
    await slot.term.opening(async () => 'opened');
    for (let count = 0; count < 4; count++) await fails(slot.term, 'unavailable');
    t.equal(slot.givenBack(), 0, 'one that opened in between begins anew');
    await fails(slot.term, 'unavailable');
    t.equal(slot.givenBack(), 1);

    for (const code of ['no-space', 'damaged'] as const) {
      const other = term();
      for (let count = 0; count < 20; count++) await fails(other.term, code);
      t.equal(other.givenBack(), 0, code);
    }
    const over = term();
    over.term.end();
    for (let count = 0; count < 20; count++) await fails(over.term, 'unavailable');
    t.equal(over.givenBack(), 0, 'a term that is over has nothing to give');
  },
);
