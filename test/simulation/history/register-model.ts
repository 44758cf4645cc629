/**
 * One setting as one process shows it. "A settings change is answered when every ready member shows it": so at each place
 * that was asked the change is done between question and answer, though not at the same instant everywhere; each place has
 * a history of its own with all the changes in it.
 */
import { type Entry, History } from './history.ts';
import type { Model } from './linearize.ts';

export const REGISTER_MODEL: Model<string | null> = {
  initial: null,
  key: (value) => String(value),
  begin: ({ operation, outcome }, value) => {
    if (operation.kind === 'set') return [{ state: operation.value, steps: [] }];
    if (operation.kind !== 'get') throw new Error(`no operation on a setting: ${operation.kind}`);
    return outcome.kind !== 'done' || outcome.value === value ? [{ state: value, steps: [] }] : [];
  },
};

/** The histories of the places that were asked for a setting. */
export function byPlace({ subject, entries }: History): readonly History[] {
  const places = new Set(
    entries.flatMap(({ operation }) => (operation.kind === 'get' ? [operation.at] : [])),
  );
  return [...places].map((place) => {
    const history = new History(`${subject} as ${place} shows it`);
    history.entries.push(...entries.filter((entry) => isAt(entry, place)));
    return history;
  });
}

function isAt({ operation }: Entry, place: string): boolean {
  return operation.kind === 'set' || (operation.kind === 'get' && operation.at === place);
}
