/** All histories of a run: groups of names that only have to do with each other, and settings; and their check. */
import { type Entry, History } from './history.ts';
import { linearize, type Model } from './linearize.ts';
import { NAMES_MODEL } from './names-model.ts';
import { byPlace, REGISTER_MODEL } from './register-model.ts';

/** A group has so many names, and takes no more operations above so many: the search grows fast with both. */
export const NAMES_OF_GROUP = ['a', 'b', 'c'] as const;
const OPERATIONS_MAX = 30;
/** So many changes of a group without an answer: each may come at any time, or never. */
const UNANSWERED_MAX = 7;
const GROUPS_OPEN = 2;
const SETTINGS_OPEN = 2;

export class Book {
  readonly #groups: History[] = [];
  readonly #settings: History[] = [];
  /** Operations whose answer was checked against the others'. */
  checked = 0;
  /** Histories too tangled to be decided. */
  undecided = 0;

  /** The groups that take operations now. */
  get groups(): readonly History[] {
    return open(this.#groups, 'g', GROUPS_OPEN);
  }

  get settings(): readonly History[] {
    return open(this.#settings, 's', SETTINGS_OPEN);
  }

  get allGroups(): readonly History[] {
    return this.#groups;
  }

  get allSettings(): readonly History[] {
    return this.#settings;
  }

  /** Done or refused for good: promises that were made. */
  get acknowledged(): number {
    return [...this.#groups, ...this.#settings].reduce(
      (sum, { entries }) => sum + entries.filter(({ outcome }) => outcome.kind !== 'open').length,
      0,
    );
  }

  /** What is not linearizable, each with its history. */
  check(): readonly string[] {
    return [
      ...this.#groups.flatMap((history) => this.#checkOne(history, NAMES_MODEL)),
      ...this.#settings.flatMap(byPlace).flatMap((history) => this.#checkOne(history, REGISTER_MODEL)),
    ];
  }

  #checkOne<S>(history: History, model: Model<S>): readonly string[] {
    const { verdict } = linearize(history.entries, model);
    this.checked += history.entries.length;
    if (verdict === 'too-long') this.undecided++;
    return verdict === 'no' ? [`${history.subject} is not linearizable:\n${history.text()}`] : [];
  }
}

function open(histories: History[], prefix: string, count: number): readonly History[] {
  const room = (): readonly History[] => histories.filter(hasRoom);
  while (room().length < count) histories.push(new History(`${prefix}${histories.length}`));
  return room();
}

function hasRoom({ entries }: History): boolean {
  const isOpen = (entry: Entry): boolean =>
    entry.outcome.kind === 'open' && entry.operation.kind !== 'resolve' && entry.operation.kind !== 'get';
  return entries.length < OPERATIONS_MAX && entries.filter(isOpen).length < UNANSWERED_MAX;
}
