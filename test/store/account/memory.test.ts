/** What an open account says of the memory it takes: near enough to choose by, and cheap to ask. */
import t from 'tap';
import { MemoryGauge, memoryOctets } from '../../../src/store/account/memory.ts';
import { append, Bed, INBOX, ranges } from './support.ts';

void t.test('it grows with each kind of thing, and shrinks with what goes', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const sizes = [memoryOctets(bed.replayed())];
  const grow = async (what: string, atLeast: number, work: () => Promise<unknown>): Promise<void> => {
    await work();
    const size = memoryOctets(bed.replayed());
    t.ok(size - sizes.at(-1)! >= atLeast, `${what}: ${size - sizes.at(-1)!}`);
    sizes.push(size);
  };
  await grow('messages', 100 * 64, () => Promise.all(Array.from({ length: 100 }, () => append(account))));
  await grow('a copy', 32, () => account.copy(INBOX, ranges(1), INBOX));
  await grow('keywords', 255, () => append(account, ['k'.repeat(255)]));
  await grow('a property', 1000, () => account.setProperties(new Map([['x', Buffer.alloc(1000)]])));
  await grow('a mailbox', 100, () => account.createMailbox('more'));
  await account.storeFlags(INBOX, {
    uids: [[1, 200]],
    mode: 'add',
    flags: ['\\Deleted'],
  });
  await account.expunge(INBOX);
  t.ok(memoryOctets(bed.replayed()) < sizes.at(-1)! - 100 * 64);
});

void t.test('it is worked out again when enough has changed', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  await append(account);
  const state = bed.replayed();
  const gauge = new MemoryGauge(state);
  const before = gauge.octets;
  state.properties.set('large', Buffer.alloc(0));
  state.propertyOctets += 1_000_000;
  state.modseq += 63;
  t.equal(gauge.octets, before);
  state.modseq += 1;
  t.ok(gauge.octets > before + 1_000_000);
});
