/**
 * What a client that stored with .SILENT believes its messages to have: it works the new flags out itself and is not told
 * (RFC 3501 section 6.4.6). Where another session changed a message too, what it believes is wrong, and it is told: "the
 * server SHOULD send an untagged FETCH if a change from an external source is observed".
 */
import { firstNot } from '../../lib/ascending.ts';
import type { Uid } from '../../store/account/types.ts';

export interface StoredFlags {
  readonly mode: 'add' | 'remove' | 'replace';
  readonly flags: readonly string[];
}

/** Neighbours whose flags are one list. */
interface Run {
  readonly first: Uid;
  last: Uid;
  readonly flags: readonly string[];
}

export class Believed {
  readonly #change: StoredFlags;
  /** Ascending. */
  readonly #before: Run[] = [];
  /** Lists of flags are shared by messages with equal flags, so the work is done once a list. */
  readonly #after = new Map<readonly string[], string>();
  readonly #keys = new Map<readonly string[], string>();

  constructor(change: StoredFlags) {
    this.#change = change;
  }

  /** The flags that the client was told last; of messages with ascending UIDs. */
  knew(uid: Uid, flags: readonly string[]): void {
    const latest = this.#before.at(-1);
    if (latest !== undefined && latest.last + 1 === uid && latest.flags === flags) latest.last = uid;
    else this.#before.push({ first: uid, last: uid, flags });
  }

  /** True when the client, having stored, takes the message to have just these flags. */
  holds(uid: Uid, flags: readonly string[]): boolean {
    const before = this.#knewOf(uid);
    if (before === undefined) return false;
    return memo(this.#after, before, (list) => keyOf(this.#changed(list))) === memo(this.#keys, flags, keyOf);
  }

  #knewOf(uid: Uid): readonly string[] | undefined {
    const runs = this.#before;
    const run = runs[firstNot(0, runs.length, (index) => runs[index]!.last < uid)];
    return run !== undefined && run.first <= uid ? run.flags : undefined;
  }

  #changed(before: readonly string[]): readonly string[] {
    const { mode, flags } = this.#change;
    if (mode === 'replace') return flags;
    if (mode === 'add') return [...before, ...flags];
    const away = new Set(flags.map((flag) => flag.toLowerCase()));
    return before.filter((flag) => !away.has(flag.toLowerCase()));
  }
}

/** Equal for lists that are equal but for case, order and repetition. */
function keyOf(flags: readonly string[]): string {
  return [...new Set(flags.map((flag) => flag.toLowerCase()))].sort().join(' ');
}

function memo<K, V>(known: Map<K, V>, key: K, make: (key: K) => V): V {
  let value = known.get(key);
  if (value === undefined) {
    value = make(key);
    known.set(key, value);
  }
  return value;
}
