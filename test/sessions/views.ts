/**
 * Sessions that live through take-overs while others change their mailbox; after each one every session's view (numbers,
 * UIDs, flags, from nothing but what it was told) is held against a fresh session's (docs/architecture.md, section 3,
 * sessions outlive backends; section 6, invariants 1 to 3).
 */
import type { Login } from '../support/lab.ts';
import type { Prng } from '../support/prng.ts';
import { type Bed, drawLoss, type Loss } from './bed.ts';
import { type ViewsFigures, WatchedAccount } from './watched-account.ts';

/** Of each account after a loss: the first of them is answered by the next owner. */
const CHANGES_AFTER = 4;

export interface ViewsOptions {
  readonly bed: Bed;
  readonly random: Prng;
  readonly accounts: number;
  readonly takeOvers: number;
  readonly onTakeOver?: (figures: ViewsFigures, what: string) => void;
}

export async function checkViews(options: ViewsOptions): Promise<ViewsFigures> {
  const { bed, random, takeOvers, onTakeOver } = options;
  const figures: ViewsFigures = {
    takeOvers: 0,
    losses: new Map(),
    accountsTaken: 0,
    compared: 0,
    messagesCompared: 0,
    changes: 0,
    refused: new Map(),
    complaints: [],
    closed: 0,
  };
  const watched = await Promise.all(
    bed.accounts
      .slice(0, options.accounts)
      .map((login, index) => WatchedAccount.open(bed, login, index, random.fork(login.login), figures)),
  );
  const losses = new Losses(bed, random);
  try {
    while (figures.takeOvers < takeOvers) {
      const { taken, loss, member } = await round(bed, watched, losses);
      await Promise.all(watched.map((account) => account.compare()));
      if (taken > 0) {
        figures.takeOvers++;
        figures.accountsTaken += taken;
        figures.losses.set(loss, (figures.losses.get(loss) ?? 0) + 1);
      }
      onTakeOver?.(figures, `${loss} of ${member}, ${taken} accounts`);
      if (figures.complaints.length > 0 || figures.closed > 0) break;
    }
    return figures;
  } finally {
    for (const account of watched) account.close();
    await losses.over();
  }
}

/** One after the other, each of an account's owner, and of one only while the others are there. */
class Losses {
  readonly #bed: Bed;
  readonly #random: Prng;
  #last: { readonly member: string; readonly back: Promise<void> } | undefined;

  constructor(bed: Bed, random: Prng) {
    this.#bed = bed;
    this.#random = random;
  }

  async next(accounts: readonly Login[]): Promise<{ readonly loss: Loss; readonly member: string }> {
    const loss = drawLoss(this.#random);
    const { member } = await this.#bed.ownerOf(this.#random.pick(accounts));
    await this.#last?.back;
    const { back } = await this.#bed.lose(loss, member);
    back.catch(() => undefined); // looked at before the next one
    this.#last = { member, back };
    return { loss, member };
  }

  async over(): Promise<void> {
    await this.#last?.back.catch(() => undefined);
  }
}

/** Everybody works while an owner is lost, and until all are served again; gives how many accounts have another owner. */
async function round(
  bed: Bed,
  watched: readonly WatchedAccount[],
  losses: Losses,
): Promise<{ readonly loss: Loss; readonly member: string; readonly taken: number }> {
  const writers = (): Promise<readonly string[]> =>
    Promise.all(watched.map(({ login }) => bed.writerOf(login)));
  const before = await writers();
  let isOver = false;
  const working = Promise.all(watched.map((account) => account.work(() => isOver)));
  try {
    const lost = await losses.next(watched.map(({ login }) => login));
    await Promise.all(watched.map((account) => account.changed(CHANGES_AFTER)));
    isOver = true;
    await working;
    const after = await writers();
    return { ...lost, taken: after.filter((writer, index) => writer !== before[index]).length };
  } finally {
    isOver = true;
    await working;
  }
}
