/**
 * Compactions and snapshots on a storage that fails, with owners that crash, are deposed or write late in the middle
 * (docs/architecture.md, section 6, invariants 1 to 3): the next owner has all that was answered, with its UID, modseq
 * order, content and EMAILID, whether it reads a snapshot or every record.
 */
import assert from 'node:assert/strict';
import t from 'tap';
import { noLogger } from '../../../src/lib/logging.ts';
import { type OpenAccount, openAccount } from '../../../src/store/account/account.ts';
import { newAccount } from '../../../src/store/account/initial.ts';
import { uidsOf } from '../../../src/store/account/ranges.ts';
import { epochOf, type Incarnation, objectKey } from '../../../src/store/ids.ts';
import { openLog } from '../../../src/store/log/log.ts';
import type { Lease } from '../../../src/store/log/types.ts';
import type { SimProcess } from '../../simulation/machine.ts';
import { World } from '../../simulation/world.ts';
import type { Prng } from '../../support/prng.ts';
import { append, ID, INBOX, messages, ranges, seen, transaction, WALL_MS } from '../account/support.ts';

const DIRECTORY = '/shared/lab.example/jsmith.macnt';
const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 16);
const FIRST = Number(process.env.SIMULATION_FIRST ?? 1);
const OWNERS = 7;
const INITIAL = newAccount(WALL_MS, new Map(), []);

/** What clients were told. */
interface Told {
  readonly texts: Map<number, string>;
  readonly emailIds: Map<number, string>;
  /** May be gone, and is if the answer was good. */
  readonly expunging: Set<number>;
  readonly expunged: Set<number>;
  readonly seenFlags: Set<number>;
  uidNext: number;
  transactions: number;
}

class Simulation {
  readonly world: World;
  readonly random: Prng;
  readonly told: Told = {
    texts: new Map(),
    emailIds: new Map(),
    expunging: new Set(),
    expunged: new Set(),
    seenFlags: new Set(),
    uidNext: 1,
    transactions: 0,
  };
  grant = 0;
  compactions = 0;
  snapshots = 0;
  restored = 0;
  readonly broken: unknown[] = [];

  constructor(seed: number) {
    this.world = new World({
      seed,
      faults: { splitWrite: 0.2, lostReply: 0.002, ioError: 0.002, slowCall: 0.02, slowMsMax: 100 },
    });
    this.random = this.world.random.fork('owners');
    this.world.storage.tree.makeDirectory(DIRECTORY);
  }

  lease(grant: number): Lease {
    const held = () => this.grant === grant;
    return {
      incarnation: grant.toString(16).padStart(32, '0') as Incarnation,
      epoch: epochOf(1, grant),
      held,
      confirm: async () => held(),
      reportLargerEpoch: () => undefined,
    };
  }

  open(process: SimProcess, lease: Lease, withSnapshots: boolean): Promise<OpenAccount> {
    const { platform } = process;
    return openAccount({
      openLog: async (replay, knownTypes, restore) => {
        const log = await openLog({
          ...platform,
          directory: DIRECTORY,
          object: objectKey(ID),
          lease,
          knownTypes,
          logger: noLogger,
          fence: true,
          replay,
          ...(withSnapshots && {
            restore: (content) => {
              this.restored++;
              return restore(content);
            },
          }),
          fileOctetsMax: 3000,
        });
        const replaced = log.replaced.bind(log);
        const writeSnapshot = log.writeSnapshot.bind(log);
        log.replaced = (numbers) => {
          this.compactions++;
          replaced(numbers);
        };
        log.writeSnapshot = async (content, inTurn) => {
          await writeSnapshot(content, inTurn);
          this.snapshots++;
        };
        return log;
      },
      clock: platform.clock,
      id: ID,
      initial: INITIAL,
      upkeep: { filesMax: 3, snapshotRecordsMin: 5, sliceEntries: 8, sliceOctets: 5000 },
    });
  }

  /** Works a while or until it is refused; whoever is deposed, paused or dead is told nothing. */
  async work(account: OpenAccount): Promise<void> {
    const { told, random } = this;
    for (let left = 4 + random.below(25); left > 0; left--) {
      const number = ++told.transactions;
      const uid = 1 + random.below(told.uidNext);
      const kind = random.below(6);
      if (kind < 3) {
        const text = `message ${number} ${'x'.repeat(random.below(300))}`;
        const result = await append(account, [], {
          text,
          transaction: transaction(number, Math.max(1, number - 9)),
        });
        told.texts.set(result.uid, text);
        told.uidNext = Math.max(told.uidNext, result.uid + 1);
        const index = account.mailboxById(INBOX)?.indexOf(result.uid) ?? -1;
        if (index >= 0) told.emailIds.set(result.uid, account.mailboxById(INBOX)?.at(index).emailId ?? '');
      } else if (kind === 3) {
        const change = { uids: ranges(uid), mode: 'add', flags: ['\\Seen', `k${uid % 3}`] } as const;
        const known = told.texts.has(uid);
        await account.storeFlags(INBOX, change);
        if (known) told.seenFlags.add(uid);
      } else if (kind === 4) {
        told.expunging.add(uid);
        await account.storeFlags(INBOX, { uids: ranges(uid), mode: 'add', flags: ['\\Deleted'] });
        for (const gone of uidsOf(await account.expunge(INBOX, ranges(uid)))) told.expunged.add(gone);
      } else await account.setProperties(new Map([['last', Buffer.from(String(number))]]));
    }
  }

  async check(account: OpenAccount): Promise<void> {
    const { told } = this;
    const rows = messages(account);
    const there = new Map(rows.map((row) => [row.uid as number, row]));
    assert.equal(there.size, rows.length, 'no UID twice');
    for (const [uid, text] of told.texts) {
      const row = there.get(uid);
      if (row === undefined) {
        assert.ok(told.expunging.has(uid), `UID ${uid} was answered and is gone`);
        continue;
      }
      assert.ok(!told.expunged.has(uid), `UID ${uid} was expunged and is back`);
      assert.equal((await account.read(row)).toString(), text, `content of UID ${uid}`);
      if (told.emailIds.has(uid)) assert.equal(row.emailId, told.emailIds.get(uid));
      if (told.seenFlags.has(uid)) assert.ok(row.flags.includes('\\Seen'), `flags of UID ${uid}`);
    }
    assert.ok((account.mailboxById(INBOX)?.uidNext ?? 0) >= told.uidNext, 'UIDNEXT went back');
  }

  async run(): Promise<void> {
    const { world, random } = this;
    const late: SimProcess[] = [];
    for (let owner = 0; owner < OWNERS; owner++) {
      const machine = world.machine(`be${owner % 3}`);
      if (machine.state === 'off') machine.start();
      if (machine.state === 'paused') machine.resume();
      const process = machine.process(`w${owner}`);
      const account = await this.#take(process);
      const answered = Promise.all([this.work(account), this.work(account)]);
      answered.catch((error: unknown) => {
        if (error instanceof assert.AssertionError) this.broken.push(error);
      });
      await world.run(world.nowMs + 5 + 600 * random.unit() ** 2);
      // The end, at any instant of a compaction.
      const end = random.below(4);
      if (end === 0) process.crash();
      else if (end === 1) machine.crash();
      else if (end === 2) {
        process.pause();
        late.push(process);
      } else {
        void account.close().catch(() => undefined);
        await world.run(world.nowMs + 100 * random.unit());
      }
      if (random.chance(0.5)) late.pop()?.resume();
    }
    for (const process of late) process.resume();
    world.heal();
    const last = await this.#take(world.machine('be9').process('last'));
    await world.settle(this.check(last), 20_000);
    await world.settle(last.close(), 20_000);
    assert.deepEqual(this.broken, []);
  }

  /** The next owner, by a snapshot and by every record; it is tried again while the storage fails. */
  async #take(process: SimProcess): Promise<OpenAccount> {
    const { world } = this;
    for (let tries = 0; tries < 20; tries++) {
      try {
        const all = await world.settle(this.open(process, this.lease(++this.grant), false), 20_000);
        const expected = seen(all);
        await world.settle(all.close(), 20_000);
        const account = await world.settle(this.open(process, this.lease(++this.grant), true), 20_000);
        assert.deepEqual(seen(account), expected, 'a snapshot and the records say the same');
        await world.settle(this.check(account), 20_000);
        return account;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
      }
    }
    throw new Error('the account cannot be opened');
  }
}

void t.test('owners end in the middle of compactions', { timeout: 600_000 }, async (t) => {
  let [compactions, snapshots, restored] = [0, 0, 0];
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const simulation = new Simulation(seed);
    try {
      await simulation.run();
    } catch (error) {
      t.error(error, `seed ${seed}`);
      break;
    }
    compactions += simulation.compactions;
    snapshots += simulation.snapshots;
    restored += simulation.restored;
  }
  t.ok(compactions > SEEDS, `${compactions} compactions came to their end`);
  t.ok(snapshots > SEEDS, `${snapshots} snapshots were written`);
  t.ok(restored > SEEDS, `${restored} snapshots were read`);
});
