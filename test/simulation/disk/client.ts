/**
 * A machine's way to its disk: the kernel's NFS client with its caches, or a local disk. A call travels to the server, is
 * carried out there at one instant (a write perhaps at two), and its answer travels back. Whoever is paused or cut has
 * calls that arrive late and then succeed: success proves nothing (shared facts: NFS, section 2).
 */
import { type FileInode, fsError, nameOf, parentOf, segments } from '../../support/file-tree.ts';
import type { Prng } from '../../support/prng.ts';
import type { Machine, SimProcess } from '../machine.ts';
import type { World } from '../world.ts';
import { StorageServer } from './server.ts';

export interface DiskCall<T> {
  readonly name: string;
  readonly path: string;
  readonly process: SimProcess;
  /** Which faults apply: only a change can be done and reported as failed, only what needs space can lack it. */
  readonly nature: 'look' | 'change' | 'space';
  /** Carried out by the server at one instant; throws what the server answers. */
  readonly act: () => T;
  /** What is left of it when its process, its machine or the disk's space ended in the middle. */
  readonly torn?: (random: Prng) => void;
  /** Files that the call takes away from whoever has a delegation on them. */
  readonly takesAway?: () => readonly FileInode[];
}

interface Pending {
  readonly call: DiskCall<unknown>;
  readonly startedMs: number;
  readonly settle: (outcome: Outcome) => void;
  phase: 'request' | 'second-half' | 'reply';
  outcome: Outcome | undefined;
  hasWaited: boolean;
}

type Outcome = { readonly value: unknown } | { readonly error: Error };

/** Share of calls that a failing storage answers with EIO. */
const FAILING = 0.4;
/** Each call to a slow storage takes up to this longer. */
const SLOW_STORAGE_MS_MAX = 900;

interface View {
  readonly bytes: Buffer;
  readonly sinceMs: number;
}

export class DiskClient {
  readonly kind: 'nfs' | 'local';
  /** Which ways to and from the server are cut; set through the machine, as is `state`. */
  cut: 'none' | 'both' | 'requests' | 'replies' = 'none';
  #state: 'well' | 'slow' | 'failing' | 'vanished' = 'well';
  readonly #mounted: StorageServer;
  /** What lies below the mount. */
  #below: StorageServer | undefined;
  readonly #world: World;
  readonly #machine: Machine;
  readonly #random: Prng;
  #pending = new Set<Pending>();
  #held: Pending[] = [];
  /** Directories believed to be missing, and until when. */
  #missing = new Map<string, number>();
  /** Files as this machine's page cache shows them. */
  #views = new Map<FileInode, View>();
  #listings = new Map<string, { readonly tick: number; readonly names: readonly string[] }>();
  /** Directories in which a call waits for a delegation: every other change in them waits behind it. */
  #blockedUntilMs = new Map<string, number>();
  /** Names a local disk may still lose. */
  #unsynced = new Set<string>();

  constructor(world: World, machine: Machine, storage: 'shared' | 'own') {
    this.#world = world;
    this.#machine = machine;
    this.#random = world.random.fork(`disk ${machine.name}`);
    this.kind = storage === 'shared' ? 'nfs' : 'local';
    this.#mounted = storage === 'shared' ? world.storage : new StorageServer(world);
    this.#mounted.attach(this);
  }

  /** Where a path leads now; what was opened before a mount vanished leads to where it did. */
  get server(): StorageServer {
    return this.#below ?? this.#mounted;
  }

  get state(): 'well' | 'slow' | 'failing' | 'vanished' {
    return this.#state;
  }

  set state(state: 'well' | 'slow' | 'failing' | 'vanished') {
    const wasVanished = this.#state === 'vanished';
    this.#state = state;
    if (wasVanished === (state === 'vanished')) return;
    // Mounted or not, the kernel knows nothing yet of what it sees from now on.
    this.#missing.clear();
    this.#listings.clear();
    this.#below = undefined;
    if (state !== 'vanished') return;
    this.#below = new StorageServer(this.#world);
    for (const name of this.#mounted.tree.directory('/', 'scandir').entries.keys())
      this.#below.tree.makeDirectory(`/${name}`);
  }

  get reaches(): boolean {
    return this.#passes('request') && this.#passes('reply');
  }

  #passes(phase: Pending['phase']): boolean {
    if (this.#machine.state !== 'up' || !this.server.isRunning) return false;
    return this.cut === 'none' || this.cut === (phase === 'reply' ? 'requests' : 'replies');
  }

  /** Starts a call; `settle` is run in the process, when it can run, with what came back. */
  start<T>(call: DiskCall<T>, settle: (outcome: Outcome) => void): void {
    const startedMs = this.#world.nowMs;
    const pending: Pending = {
      call,
      startedMs,
      settle,
      phase: 'request',
      outcome: undefined,
      hasWaited: false,
    };
    this.#pending.add(pending);
    this.#travel(pending, this.#slowness());
  }

  /** Something was healed, resumed or started: calls that were kept back go on, each in its own time. */
  changed(): void {
    const held = this.#held.filter(({ phase }) => this.#passes(phase));
    this.#held = this.#held.filter(({ phase }) => !this.#passes(phase));
    for (const pending of held)
      this.#travel(pending, this.#random.unit() * this.#world.faults.retransmitMsMax);
  }

  /** Power off: caches are empty, calls on their way are carried out wholly, in part, or never. */
  machineLost(): void {
    const { counters, faults } = this.#world;
    const mayArrive = (this.cut === 'none' || this.cut === 'replies') && this.server.isRunning;
    for (const pending of this.#pending) if (pending.phase !== 'reply' && mayArrive) this.#tear(pending);
    this.#pending = new Set();
    this.#held = [];
    this.#missing = new Map();
    this.#views = new Map();
    this.#listings = new Map();
    this.#blockedUntilMs = new Map();
    if (this.kind === 'nfs') return;
    for (const path of this.#unsynced)
      if (this.#random.chance(faults.unsyncedNameLost)) {
        this.#world.note(`name lost ${path}`);
        counters.add('name-lost');
        this.server.tree.removeTree(path);
      }
    this.#unsynced = new Set();
  }

  /** Believes what it remembers of the directories on the way to a name: they may have been made since. */
  walk(path: string, call: string): void {
    for (const directory of [...waysTo(path), path]) {
      if ((this.#missing.get(directory) ?? Number.NEGATIVE_INFINITY) <= this.#world.nowMs) continue;
      if (exists(this.server, directory)) {
        this.#world.note(`stale missing ${directory} on ${this.#machine.name}`);
        this.#world.counters.add('stale-missing');
      }
      throw fsError('ENOENT', call, path);
    }
  }

  /** The server said that there is no such path: what was looked up on the way is remembered as missing. */
  rememberMissing(path: string): void {
    if (this.kind === 'local') return;
    const [low, high] = this.#world.faults.nameCacheMs;
    const untilMs = this.#world.nowMs + low + (high - low) * this.#random.unit();
    const first = [...waysTo(path), path].find((directory) => !exists(this.server, directory));
    // Being believed once more does not make a belief younger.
    if (first !== undefined && (this.#missing.get(first) ?? 0) <= this.#world.nowMs)
      this.#missing.set(first, untilMs);
  }

  /** A directory was opened, read or changed through this client: its names are asked for again. */
  revalidate(directory: string): void {
    this.#missing.delete(directory);
    for (const missing of this.#missing.keys())
      if (parentOf(missing) === directory) this.#missing.delete(missing);
  }

  /** Takes the file as the server has it now into the page cache. */
  refresh(file: FileInode): Buffer {
    const bytes = file.read(0, file.size);
    this.#views.set(file, { bytes, sinceMs: this.#world.nowMs });
    return bytes;
  }

  /** The file as this machine sees it without asking: as it was up to `attributeCacheMs` ago. */
  view(file: FileInode): Buffer {
    const view = this.#views.get(file);
    const ageMs = this.#world.nowMs - (view?.sinceMs ?? Number.NEGATIVE_INFINITY);
    if (this.kind === 'local' || view === undefined || ageMs >= this.#world.faults.attributeCacheMs)
      return this.refresh(file);
    if (view.bytes.length !== file.size) this.#world.counters.add('stale-read');
    return view.bytes;
  }

  /** The names in a directory; with a coarse server clock perhaps without the last change. */
  names(path: string): string[] {
    const directory = this.server.tree.directory(path, 'scandir');
    const names = [...directory.entries.keys()];
    if (this.kind === 'local' || this.#world.faults.serverTickMs === 0) return names;
    const tick = this.server.tickOf(directory);
    const known = this.#listings.get(path);
    if (known?.tick !== tick) this.#listings.set(path, { tick, names });
    else if (known.names.length !== names.length) this.#world.counters.add('stale-list');
    return known?.tick === tick ? [...known.names] : names;
  }

  named(path: string): void {
    this.server.touched(path);
    if (this.kind === 'local') this.#unsynced.add(path);
  }

  synced(directory: string): void {
    for (const path of this.#unsynced) if (parentOf(path) === directory) this.#unsynced.delete(path);
  }

  #travel(pending: Pending, moreMs: number): void {
    const [low, high] = this.#world.faults.diskLatencyMs;
    const delayMs = low + (high - low) * this.#random.unit() + moreMs;
    const { name, path, process } = pending.call;
    this.#world.schedule(delayMs, `disk ${process.label} ${pending.phase} ${name} ${path}`, () => {
      if (!this.#pending.has(pending)) return;
      if (this.#passes(pending.phase))
        return pending.phase === 'reply' ? this.#answer(pending) : this.#arrive(pending);
      this.#world.counters.add('late-call');
      this.#held.push(pending);
    });
  }

  #arrive(pending: Pending): void {
    const { call } = pending;
    const { counters, faults } = this.#world;
    if (call.process.crashed) {
      this.#tear(pending);
      this.#pending.delete(pending);
      return;
    }
    const waitMs = this.#delegationWait(pending);
    if (waitMs > 0) return this.#travel(pending, waitMs);
    const changes = call.nature !== 'look';
    const fails = this.#state === 'failing' && this.#random.chance(FAILING);
    if (fails || (changes && this.#random.chance(faults.ioError))) {
      this.#fail(pending);
    } else if (call.nature === 'space' && (this.server.isFull || this.#random.chance(faults.noSpace))) {
      counters.add('no-space');
      if (this.#random.chance(0.5)) call.torn?.(this.#random);
      pending.outcome = { error: fsError('ENOSPC', call.name, call.path) };
    } else if (
      pending.phase === 'request' &&
      call.name === 'writeDurably' &&
      this.#random.chance(faults.splitWrite)
    ) {
      counters.add('split-write');
      call.torn?.(this.#random);
      pending.phase = 'second-half';
      return this.#travel(pending, this.#slowness());
    } else {
      pending.outcome = outcomeOf(call.act);
      if (changes && !('error' in pending.outcome)) this.#countLate(pending);
      if (changes && this.#random.chance(faults.lostReply)) {
        counters.add('lost-reply');
        pending.outcome = { error: fsError('EIO', call.name, call.path) };
      }
    }
    const said = 'error' in pending.outcome! ? (pending.outcome.error as NodeJS.ErrnoException).code : 'ok';
    this.#world.note(`  ${call.name} ${nameOf(call.path)} ${said ?? 'error'}`);
    pending.phase = 'reply';
    this.#travel(pending, 0);
  }

  /** EIO; of a write nothing, a part or all of it may be there all the same, as of one whose sync failed. */
  #fail(pending: Pending): void {
    const { call } = pending;
    const isWrite = call.name === 'writeDurably';
    this.#world.counters.add(isWrite ? 'failed-sync' : 'io-error');
    if (isWrite) {
      const fate = this.#random.pick(['whole', 'torn', 'nothing'] as const);
      if (fate === 'whole') outcomeOf(call.act);
      else if (fate === 'torn') call.torn?.(this.#random);
    }
    pending.outcome = { error: fsError('EIO', call.name, call.path) };
  }

  /** Who asked for it has no lease of then any more, and it succeeds. */
  #countLate({ call, startedMs }: Pending): void {
    const { counters, faults, nowMs } = this.#world;
    if (nowMs - startedMs < faults.lateMs) return;
    if (call.name === 'writeDurably') counters.add('late-write');
    else if (call.name === 'createExclusive' || call.name === 'makeDirectory') counters.add('late-creation');
    else if (call.name === 'replace') counters.add('late-rename');
  }

  #answer(pending: Pending): void {
    const { call, outcome, settle } = pending;
    this.#pending.delete(pending);
    if (outcome !== undefined) call.process.deliver(call.name, () => settle(outcome));
  }

  /** Nobody waits for this call any more; by chance it is carried out, in part, or not at all. */
  #tear(pending: Pending): void {
    const { call } = pending;
    const { counters } = this.#world;
    if (call.nature === 'look') return;
    const fate = this.#random.pick(['whole', 'torn', 'lost'] as const);
    this.#world.note(`  ${fate} ${call.name} ${call.path}`);
    if (fate === 'lost' || this.server.isFull) counters.add('call-lost');
    else if (fate === 'torn' && call.torn !== undefined) {
      counters.add('torn-write');
      call.torn(this.#random);
    } else outcomeOf(call.act);
  }

  #delegationWait(pending: Pending): number {
    const { call } = pending;
    if (this.kind === 'local' || call.nature === 'look' || call.name === 'writeDurably') return 0;
    const directory = parentOf(call.path);
    const { nowMs, counters, faults } = this.#world;
    const blockedMs = (this.#blockedUntilMs.get(directory) ?? 0) - nowMs;
    if (blockedMs > 0) return blockedMs;
    if (pending.hasWaited || call.takesAway === undefined) return 0;
    pending.hasWaited = true;
    if (!this.server.recall(call.takesAway(), this)) return 0;
    counters.add('delegation-wait');
    this.#blockedUntilMs.set(directory, nowMs + faults.delegationMs);
    return faults.delegationMs;
  }

  #slowness(): number {
    const { counters, faults } = this.#world;
    if (this.#state === 'slow') return this.#random.unit() * SLOW_STORAGE_MS_MAX;
    if (!this.#random.chance(faults.slowCall)) return 0;
    counters.add('slow-call');
    return this.#random.unit() * faults.slowMsMax;
  }
}

function outcomeOf(act: () => unknown): Outcome {
  try {
    return { value: act() };
  } catch (error) {
    return { error: error as Error };
  }
}

/** The directories that lead to a path, outermost first, without the root and without the path itself. */
function waysTo(path: string): readonly string[] {
  const names = segments(path);
  return names.slice(0, -1).map((_, index) => `/${names.slice(0, index + 1).join('/')}`);
}

function exists(server: StorageServer, path: string): boolean {
  try {
    server.tree.lookup(path, 'stat');
    return true;
  } catch {
    return false;
  }
}
