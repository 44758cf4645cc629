/**
 * A snapshot is derived: whoever opens an account by it must have exactly what the records say. At the end of a run every
 * account that has one is opened twice on its storage, without the faults of any machine: with snapshots and without.
 */
import { noLogger } from '../../../src/lib/logging.ts';
import { openAccount } from '../../../src/store/account/account.ts';
import { epochOf, type Incarnation, type ObjectId } from '../../../src/store/ids.ts';
import { openLog } from '../../../src/store/log/log.ts';
import type { Lease } from '../../../src/store/log/types.ts';
import type { FileTree } from '../../support/file-tree.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { Prng } from '../../support/prng.ts';
import type { Promises } from './promises.ts';

/** Above every control epoch of a run. */
const CONTROL_EPOCH = 2 ** 20;
const CLOCK = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  timer: () => ({ cancel: () => undefined }),
  sleep: () => Promise.resolve(),
};

/** What is not the same. To be called last: it writes to the storage. */
export async function compareSnapshots(tree: FileTree, promises: Promises): Promise<readonly string[]> {
  const fs = new MemoryFs({ tree, kind: 'nfs' });
  const problems: string[] = [];
  let grants = 0;
  for (const [object, directory] of promises.directories) {
    const [domainId, name, serial] = object.split('/') as [string, string, string];
    const names = await fs.list(directory).catch((): readonly string[] => []);
    if (name.startsWith('slot-') || !names.some((each) => each.startsWith('snapshot.'))) continue;
    // What rotted may be in a snapshot and no longer in the records.
    if ([...promises.rotten].some((each) => each.startsWith(`${object} `))) continue;
    const id = { domainId: Number(domainId), name, serial } as ObjectId;
    const open = async (withSnapshots: boolean): Promise<string> => {
      const lease: Lease = {
        incarnation: 'auditor' as Incarnation,
        epoch: epochOf(CONTROL_EPOCH, ++grants),
        held: () => true,
        confirm: () => Promise.resolve(true),
        reportLargerEpoch: () => undefined,
      };
      const account = await openAccount({
        id,
        clock: CLOCK,
        initial: new Map(),
        openLog: (replay, knownTypes, restore) =>
          openLog({
            fs,
            clock: CLOCK,
            random: new Prng(grants),
            directory,
            object,
            lease,
            knownTypes,
            logger: noLogger,
            fence: false,
            replay,
            ...(withSnapshots && { restore }),
          }),
      });
      const seen = account.mailboxes().map((mailbox) => {
        const { name: of, uidValidity, uidNext, highestModseq, exists } = mailbox;
        const messages = Array.from({ length: exists }, (_, index) => {
          const { uid, modseq, flags, emailId } = mailbox.at(index);
          return `${uid} ${modseq} ${emailId} ${[...flags].sort().join(',')}`;
        });
        return `${of} ${uidValidity} ${uidNext} ${highestModseq}: ${messages.join('; ')}`;
      });
      await account.close();
      await account.written();
      return seen.join('\n');
    };
    try {
      const [one, other] = [await open(true), await open(false)];
      if (one !== other) problems.push(`${object}: a snapshot says\n${one}\n  and the records\n${other}`);
    } catch (error) {
      problems.push(`${object} cannot be opened: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems;
}
