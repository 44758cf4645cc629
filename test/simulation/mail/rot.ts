/**
 * Rot: once in a storm some octets of a record that was durable for a while are others. What lies around the place must
 * still be served, by every later owner (docs/storage.md, reading a file); the commit that was hit may count or not.
 */
import { fileName } from '../../../src/store/log/names.ts';
import type { Prng } from '../../support/prng.ts';
import type { Cluster } from './cluster.ts';
import { hashPayload } from './promises.ts';

/** So many records settled last in a file are no prey: nobody may have stated them durable yet. */
const BEFORE_LAST = 6;
/** Looks for prey, from the middle of the storm on. */
const LOOKS = 40;
const OCTETS = 8;

export class Rot {
  readonly #cluster: Cluster;
  readonly #random: Prng;
  /** The account whose log is hit, by the name that it was created with. */
  readonly #account: string;
  #hasRotted = false;

  constructor(cluster: Cluster, random: Prng, account: string) {
    this.#cluster = cluster;
    this.#random = random;
    this.#account = account;
  }

  get hasRotted(): boolean {
    return this.#hasRotted;
  }

  /** Strikes once in the second half of this time, or never when there is no prey. */
  start(stormMs: number): void {
    this.#look(stormMs, LOOKS / 2);
  }

  #look(stormMs: number, left: number): void {
    const pauseMs = (stormMs / LOOKS) * (0.5 + this.#random.unit());
    const inMs = left === LOOKS / 2 ? stormMs / 2 : pauseMs;
    this.#cluster.world.schedule(inMs, 'rot', () => {
      if (left > 0 && !this.#strike()) this.#look(stormMs, left - 1);
    });
  }

  #strike(): boolean {
    const { promises, tree, world } = this.#cluster;
    const object = [...promises.settled.keys()].find((key) => key.split('/')[1] === this.#account);
    const all = object === undefined ? [] : promises.settled.get(object)!;
    const prey = all.filter(({ place }) => {
      const behind = all.filter(
        (other) => other.place.file === place.file && other.place.offset > place.offset,
      );
      return place.octets > 0 && behind.length >= BEFORE_LAST;
    });
    if (object === undefined || prey.length === 0) return false;
    const { place, payload, commit } = this.#random.pick(prey);
    const file = tree.file(`${promises.directories.get(object)!}/${fileName(place.file)}`, 'open');
    if (hashPayload([file.read(place.offset, place.octets)]) !== payload) return false;
    promises.rotten.add(`${object} ${commit}`);
    this.#hasRotted = true;
    file.write(place.offset, this.#random.bytes(Math.min(place.octets, OCTETS)));
    world.counters.add('bit-rot');
    world.note(`rot in ${object}, file ${place.file} at ${place.offset}, commit ${commit}`);
    return true;
  }
}
