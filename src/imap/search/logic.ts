/** Keys made of keys: NOT, OR, and the list of which all must hold (RFC 9051 section 6.4.4). */
import type { SearchKeySpec, Test } from './key.ts';
import type { SearchKey } from './table.ts';

interface NotKey {
  readonly kind: 'NOT';
  readonly key: SearchKey;
}
interface OrKey {
  readonly kind: 'OR';
  readonly left: SearchKey;
  readonly right: SearchKey;
}
/** A parenthesised list, and the command's own list of keys. */
interface AndKey {
  readonly kind: 'AND';
  readonly keys: readonly SearchKey[];
}

export const negation: SearchKeySpec<NotKey> = {
  kind: 'NOT',
  parse: (given) => ({ kind: 'NOT', key: given.key() }),
  test: ({ key }, _, compile) => not(compile(key)),
  inner: ({ key }) => [key],
};

export const either: SearchKeySpec<OrKey> = {
  kind: 'OR',
  parse(given) {
    const left = given.key();
    given.reader.space();
    return { kind: 'OR', left, right: given.key() };
  },
  test: ({ left, right }, _, compile) => not(every([not(compile(left)), not(compile(right))])),
  inner: ({ left, right }) => [left, right],
};

export const conjunction: SearchKeySpec<AndKey> = {
  kind: 'AND',
  isWordless: true,
  test: ({ keys }, _, compile) => every(keys.map(compile)),
  inner: ({ keys }) => keys,
};

function not(test: Test): Test {
  return {
    quick(message, sequence) {
      const verdict = test.quick(message, sequence);
      return verdict === undefined ? undefined : !verdict;
    },
    full: async (subject) => !(await test.full(subject)),
  };
}

/** All of them: what is cheap decides first, and content is looked at only while nothing has failed. */
function every(tests: readonly Test[]): Test {
  return {
    quick(message, sequence) {
      let verdict: boolean | undefined = true;
      for (const test of tests) {
        const one = test.quick(message, sequence);
        if (one === false) return false;
        if (one === undefined) verdict = undefined;
      }
      return verdict;
    },
    async full(subject) {
      for (const test of tests) {
        const message = subject.row();
        const known = message === undefined ? false : test.quick(message, subject.sequence);
        if (!(known ?? (await test.full(subject)))) return false;
      }
      return true;
    },
  };
}
