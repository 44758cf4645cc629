/**
 * Where the records of a copied tail lie now. They were replayed at their places in the predecessor's file, whose octets
 * there no longer count; the copy in our own file is what is durable (docs/architecture.md, section 3, rule 2).
 */
import { firstNot } from '../../lib/ascending.ts';
import type { Place } from './types.ts';

interface Move {
  readonly from: number;
  readonly to: number;
  /** Where the octet at `from` lies in the new file. */
  readonly target: number;
}

export class MovedPlaces {
  #oldFile = 0;
  #newFile = 0;
  /** Ascending by `from`. */
  #moves: readonly Move[] = [];

  /** `pairs`: old and new place of each copied payload, ascending by old offset, all from one file into another. */
  set(pairs: readonly (readonly [from: Place, to: Place])[]): void {
    this.#oldFile = pairs[0]?.[0].file ?? 0;
    this.#newFile = pairs[0]?.[1].file ?? 0;
    this.#moves = pairs.map(([from, to]) => ({
      from: from.offset,
      to: from.offset + from.octets,
      target: to.offset,
    }));
  }

  /** The place to read instead; parts of a payload move with it. */
  current(place: Place): Place {
    if (place.file !== this.#oldFile || this.#moves.length === 0) return place;
    const behind = firstNot(0, this.#moves.length, (index) => this.#moves[index]!.from <= place.offset);
    const move = this.#moves[behind - 1];
    if (move === undefined || place.offset + place.octets > move.to) return place;
    return { ...place, file: this.#newFile, offset: move.target + place.offset - move.from };
  }
}
