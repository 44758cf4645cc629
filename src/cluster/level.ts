/**
 * Feature levels (docs/cluster.md): what members of different versions may write while they run together. A program knows all
 * levels up to its own; the cluster is at the level that an operator has set, 0 at first, and it never goes back.
 *
 * Invariant: nobody writes to the storage or the bus what a member of the cluster's level could not read. Who has something
 * new to write asks `FeatureLevel.required` first; who knows less than that is not let in.
 */
import type { ClusterSettings, MemberStatus, WatchedSettings } from './types.ts';

export interface Level {
  readonly level: number;
  /** The first version of the program that knows it. */
  readonly version: string;
  /** For the operator who decides on it. */
  readonly brings: string;
}

/** One row for each level, ascending by one from 0. */
export const LEVELS: readonly Level[] = [
  { level: 0, version: '0.1.0', brings: 'what version 0.1.0 writes to the storage and says on the bus' },
];

/** In the cluster settings: the level in decimal digits; absent: 0. */
export const LEVEL_KEY = 'cluster/level';

/** Peers that are remembered to have let us in or not, the newest of them. */
const TURNED_AWAY_MAX = 64;

/** Undefined for what is no level. */
export function parseLevel(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : undefined;
}

/** The cluster's. */
export function levelOf(settings: Pick<ClusterSettings, 'value'>): number {
  return parseLevel(settings.value(LEVEL_KEY)?.toString('latin1') ?? '') ?? 0;
}

/**
 * What one process knows, and what the cluster asks for: one object for a process, which its bus and its node share. It
 * follows the process's copy of the cluster settings.
 */
export class FeatureLevel {
  readonly levels: readonly Level[];
  readonly #listeners = new Set<() => void>();
  #required = 0;
  /** What peers said that did not let us in, by their addresses. */
  readonly #turnedAway = new Map<string, string>();

  constructor(levels: readonly Level[] = LEVELS) {
    this.levels = levels;
  }

  /** The highest that this program knows. */
  get known(): number {
    return this.levels.at(-1)?.level ?? 0;
  }

  /** That of the cluster, as far as this process has heard. What needs more is not written. */
  get required(): number {
    return this.#required;
  }

  /** Why this process is ready for nothing; undefined when all is well. */
  get refusal(): string | undefined {
    if (this.#required <= this.known) return undefined;
    return `the cluster is at feature level ${this.#required}, and this program knows levels up to ${this.known}: install the version that the other members run`;
  }

  /**
   * What a peer said that did not let us in, for people: nothing rests on it, as whoever has broken into a frontend may say
   * what it likes to those who dial it.
   */
  get turnedAwayWith(): string | undefined {
    return this.#turnedAway.values().next().value;
  }

  /** Why a member that knows levels up to `known` is not let in; undefined when it is. */
  refuse(member: string, known: number): string | undefined {
    if (known >= this.#required) return undefined;
    return `${member} knows feature levels up to ${known}, this cluster is at level ${this.#required}: install ${this.#versionFor(this.#required)} on it`;
  }

  /** A peer has not let us in, in its own words; undefined: it has. */
  turnedAway(by: string, why: string | undefined): void {
    this.#turnedAway.delete(by);
    if (why === undefined) return;
    this.#turnedAway.set(by, why);
    if (this.#turnedAway.size > TURNED_AWAY_MAX)
      this.#turnedAway.delete(this.#turnedAway.keys().next().value ?? '');
  }

  follow(settings: WatchedSettings): void {
    const look = (): void => {
      const required = levelOf(settings);
      if (required === this.#required) return;
      this.#required = required;
      for (const listener of this.#listeners) listener();
    };
    settings.onChange(look);
    look();
  }

  /** Told in the turn in which the cluster's level is another one; it must not throw. Ends by the result. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Why the cluster must not go to `wanted`, as members are now; undefined when it may. */
  refuseRaise(wanted: number, members: readonly MemberLevel[]): string | undefined {
    if (wanted < this.#required)
      return `the cluster is at level ${this.#required}, and what was written since may be read by no program that knows less: it does not go back`;
    if (wanted > this.known)
      return `this program knows levels up to ${this.known}: install a newer version on every member first`;
    const behind = members.filter(({ state, level }) => state !== 'gone' && level < wanted);
    if (behind.length === 0) return undefined;
    const named = behind.map(
      ({ name, level, version }) => `${name} (version ${version || 'unknown'}, level ${level})`,
    );
    return `there are members that know less: ${named.join(', ')}: install ${this.#versionFor(wanted)} on them first`;
  }

  /** The same for a change of the settings as it was sent; undefined for any other change. */
  refuseChange(change: unknown, members: readonly MemberLevel[]): string | undefined {
    const { kind, key, value } = (typeof change === 'object' && change !== null ? change : {}) as {
      readonly kind?: unknown;
      readonly key?: unknown;
      readonly value?: unknown;
    };
    if (kind !== 'setValue' || key !== LEVEL_KEY) return undefined;
    const wanted =
      value instanceof Uint8Array ? parseLevel(Buffer.from(value).toString('latin1')) : undefined;
    return wanted === undefined ? `${LEVEL_KEY} is a number` : this.refuseRaise(wanted, members);
  }

  #versionFor(level: number): string {
    const row = this.levels.find((each) => each.level === level);
    return row === undefined ? 'the version that the other members run' : `version ${row.version} or newer`;
  }
}

export type MemberLevel = Pick<MemberStatus, 'name' | 'state' | 'version' | 'level'>;
