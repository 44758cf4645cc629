/**
 * Harm at the instants that matter: when a process has just handed a creation or a write to its kernel, it crashes, or it
 * or its machine is stopped for about as long as a lease, so that the call finishes without it. The nemesis, which knows
 * no instants, seldom meets one.
 */
import type { AppendFile, Fs } from '../../../src/platform/platform.ts';
import type { Prng } from '../../support/prng.ts';
import type { SimProcess } from '../machine.ts';
import type { World } from '../world.ts';

export type Sabotage =
  | 'crash'
  | 'pause'
  | 'freeze-machine'
  | 'crash-machine'
  /** A worker stands still while its supervisor crashes and another worker is started in its place. */
  | 'orphan';

/** Per call that creates or writes; few enough that work gets done in between. */
const CHANCE = { createExclusive: 0.03, writeDurably: 0.012, replace: 0.05 } as const;
/** After the call was made: on its way, carried out, or answered and not heard of. */
const DELAY_MS: readonly [number, number] = [0, 6];
const LASTS_MS: readonly [number, number] = [100, 3200];
/** Between two of them. */
const REST_MS = 500;

export const SUPERVISOR = 'sup';

export class Saboteur {
  readonly #world: World;
  readonly #random: Prng;
  readonly #kinds: readonly Sabotage[];
  #isActive = false;
  #restUntilMs = 0;
  readonly #lasting = new Set<() => void>();
  #count = 0;

  constructor(world: World, kinds: readonly Sabotage[]) {
    this.#world = world;
    this.#kinds = kinds;
    this.#random = world.random.fork('saboteur');
  }

  get count(): number {
    return this.#count;
  }

  start(): void {
    this.#isActive = true;
  }

  /** Undoes what lasts and does no more. */
  stop(): void {
    this.#isActive = false;
    for (const undo of this.#lasting) undo();
  }

  /** The file system of a process, with us looking on. */
  watching(fs: Fs, process: SimProcess): Fs {
    return {
      createExclusive: async (path) => {
        this.#passes(process, 'createExclusive');
        return this.#file(await fs.createExclusive(path), process);
      },
      open: (path) => fs.open(path),
      list: (path) => fs.list(path),
      makeDirectory: (path) => fs.makeDirectory(path),
      syncDirectory: (path) => fs.syncDirectory(path),
      replace: (path, bytes) => {
        this.#passes(process, 'replace');
        return fs.replace(path, bytes);
      },
      remove: (path) => fs.remove(path),
      removeTree: (path) => fs.removeTree(path),
      kind: (path) => fs.kind(path),
    };
  }

  #file(file: AppendFile, process: SimProcess): AppendFile {
    return {
      writeDurably: (chunks, position) => {
        this.#passes(process, 'writeDurably');
        return file.writeDurably(chunks, position);
      },
      close: () => file.close(),
    };
  }

  #passes(process: SimProcess, call: keyof typeof CHANCE): void {
    if (!this.#isActive || this.#kinds.length === 0 || this.#world.nowMs < this.#restUntilMs) return;
    if (!this.#random.chance(CHANCE[call])) return;
    this.#restUntilMs = this.#world.nowMs + REST_MS;
    this.#count++;
    const kind = this.#random.pick(this.#kinds);
    this.#world.schedule(this.#between(DELAY_MS), `sabotage: ${kind} ${process.label}`, () => {
      if (this.#isActive) this.#act(kind, process);
    });
  }

  #act(kind: Sabotage, process: SimProcess): void {
    const { machine } = process;
    const later = (end: () => void) => {
      const undo = () => {
        if (this.#lasting.delete(undo)) end();
      };
      this.#lasting.add(undo);
      this.#world.schedule(this.#between(LASTS_MS), 'sabotage ends', undo);
    };
    switch (kind) {
      case 'crash':
        return process.crash();
      case 'pause':
        process.pause();
        return later(() => process.resume());
      case 'orphan':
        if (process.name === SUPERVISOR) return process.crash();
        process.pause();
        machine.processes.find(({ name }) => name === SUPERVISOR)?.crash();
        return later(() => process.resume());
      case 'freeze-machine':
        machine.pause('still');
        return later(() => machine.resume());
      case 'crash-machine':
        machine.crash();
        return later(() => machine.start());
    }
    kind satisfies never;
  }

  #between([low, high]: readonly [number, number]): number {
    return low + (high - low) * this.#random.unit();
  }
}
