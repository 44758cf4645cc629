/**
 * What takes two backends to try: that a name which another one has just created is found here by listing, that of two which
 * create one name one wins, and that two changes within one tick of the server's clock are both seen (shared facts: NFS,
 * section 1: a client that compares the times of a directory misses the second). The partner creates what it is asked to, in
 * the asker's own directory and nowhere else.
 */
import type { Bus } from '../../cluster/bus/types.ts';
import { fields, uint } from '../../cluster/messages.ts';
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Address, Clock, Fs } from '../../platform/platform.ts';
import { type Place, placeOf } from './place.ts';
import { type Finding, fine, refused, unknown, warned } from './types.ts';

/** On the bus; its rights are in src/cluster/security/rights.ts. */
export const SELF_TEST_SERVICE = 'storage.self-test';

/** One that does not answer so long is taken for absent. */
const ASK_TIMEOUT_MS = 1000;
/** Longer than a tick of any server's clock: what was changed before and after is told apart by its time. */
const TICK_MS = 30;
/** A client that goes by times misses most of these; nine of ten in what was measured. */
const FENCE_ROUNDS = 8;
const RACES = 4;
const NUMBER_MAX = 1000;

/** Serves other backends' self-tests. A member of the same cluster asks; where it may have files made is its own name's. */
export function servePartner(bus: Pick<Bus, 'serve'>, fs: Fs, root: string): void {
  bus.serve(SELF_TEST_SERVICE, async (body, { from }) => {
    const it = fields(body, 'self-test');
    const directory = placeOf(root, from.member, String(it.token));
    const number = uint(it.number, 'number');
    if (directory === undefined || number > NUMBER_MAX) throw new Failure('invalid', 'not a self-test');
    return { won: await create(fs, `${directory}/${fileOf(number)}`) };
  });
}

/** False when the name was there. */
async function create(fs: Fs, path: string): Promise<boolean> {
  try {
    await (await fs.createExclusive(path)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

export interface PairOptions {
  readonly fs: Fs;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly bus: Pick<Bus, 'call'>;
  readonly place: Place;
  /** Supervisors of the other backends; the first that answers is the partner. */
  readonly partners: readonly Address[];
}

/** Findings on `visibility` and `fence`; `unknown` ones where there is nobody to try it with. Rejects for what our mount says. */
export async function tryTogether(options: PairOptions): Promise<readonly Finding[]> {
  const numbers = new Numbers();
  const met = await Promise.any(
    options.partners.map(async (to) => {
      const first = numbers.next();
      await ask(options, to, first);
      return { to, first };
    }),
  ).catch(() => undefined);
  if (met === undefined) return absent('no other backend answers to try it with');
  try {
    const pair = new Pair(options, met.to, numbers);
    return [await pair.visibility(met.first), await pair.fence()];
  } catch (error) {
    // What came over the bus says nothing of our mount.
    if (failureCode(error) === undefined) throw error;
    return absent(`the other backend gave up: ${(error as Error).message}`);
  }
}

function absent(why: string): readonly Finding[] {
  return [unknown('visibility', why), unknown('fence', why)];
}

/** Has the partner create a file; whether it was the one who made it. */
async function ask({ bus, place }: PairOptions, to: Address, number: number): Promise<boolean> {
  const body = { token: place.token, number };
  const answer = await bus.call(to, SELF_TEST_SERVICE, body, { timeoutMs: ASK_TIMEOUT_MS });
  return fields(answer, 'answer').won === true;
}

class Numbers {
  #last = 0;

  next(): number {
    return ++this.#last;
  }
}

class Pair {
  readonly #options: PairOptions;
  readonly #partner: Address;
  readonly #numbers: Numbers;

  constructor(options: PairOptions, partner: Address, numbers: Numbers) {
    this.#options = options;
    this.#partner = partner;
    this.#numbers = numbers;
  }

  /** With more than a tick between two changes nothing excuses a name that is not listed. */
  async visibility(first: number): Promise<Finding> {
    const { clock, fs, place } = this.#options;
    if (!(await this.#sees(first))) return unseen('the first file that another backend created here');
    await clock.sleep(TICK_MS);
    if (!(await this.#sees(await this.#created())))
      return unseen('a file that another backend has just created');
    for (let race = 0; race < RACES; race++) {
      const number = this.#numbers.next();
      const [theirs, ours] = await Promise.all([
        ask(this.#options, this.#partner, number),
        create(fs, `${place.directory}/${fileOf(number)}`),
      ]);
      if (theirs === ours)
        return refused(
          'visibility',
          `two backends created one name at the same time, and ${ours ? 'both have' : 'neither has'} won`,
          'use a storage where the server decides on O_CREAT|O_EXCL: two owners of one account would both write',
        );
    }
    return fine('visibility', 'what another backend creates is listed here at once, and of two one wins');
  }

  /** Round after round: one change, a listing, another change right after it, a listing that must show it. */
  async fence(): Promise<Finding> {
    let missed = 0;
    for (let round = 0; round < FENCE_ROUNDS; round++) {
      await this.#sees(await this.#created());
      if (!(await this.#sees(await this.#created()))) missed++;
    }
    return missed === 0
      ? fine(
          'fence',
          `two changes within one tick of the server’s clock are seen (${FENCE_ROUNDS} of ${FENCE_ROUNDS})`,
        )
      : warned(
          'fence',
          `StorageFence is not available: of ${FENCE_ROUNDS} changes right after another one ${missed} were not listed`,
          'mount with vers=4.2 where the server has it; until then a machine whose clock stood still may show what it should not',
        );
  }

  /** One more file of the partner's. */
  async #created(): Promise<number> {
    const number = this.#numbers.next();
    await ask(this.#options, this.#partner, number);
    return number;
  }

  async #sees(number: number): Promise<boolean> {
    const { fs, place } = this.#options;
    return (await fs.list(place.directory)).includes(fileOf(number));
  }
}

function fileOf(number: number): string {
  return `partner-${number}`;
}

function unseen(what: string): Finding {
  return refused(
    'visibility',
    `${what} is not listed`,
    'mount the same directory of the same server on both, with the options that docs/operator.md asks for',
  );
}
