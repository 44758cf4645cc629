/** Seals go from one opening of an object to the next under the same grant, also from one that failed. */
import t from 'tap';
import { noLogger } from '../../../src/lib/logging.ts';
import { openAccount } from '../../../src/store/account/account.ts';
import { LogOpener } from '../../../src/store/host/log-opener.ts';
import type { HostedLog } from '../../../src/store/host/types.ts';
import { epochOf, type Incarnation } from '../../../src/store/ids.ts';
import type { OpenLogOptions } from '../../../src/store/log/options.ts';
import { Seals } from '../../../src/store/log/seals.ts';
import type { Lease } from '../../../src/store/log/types.ts';
import { memoryPlatform } from '../../support/memory-platform.ts';

const lease = (): Lease => ({
  incarnation: 'a'.repeat(32) as Incarnation,
  epoch: epochOf(1, 1),
  held: () => true,
  confirm: async () => true,
  reportLargerEpoch: () => undefined,
});

void t.test(
  'what an opening created is known to the next, until all of it was closed in order',
  async (t) => {
    const given: Seals[] = [];
    let fails = true;
    const opener = new LogOpener({
      platform: memoryPlatform(),
      root: '/shared',
      logger: noLogger,
      fence: false,
      openAccount,
      openLog: async ({ seals }: OpenLogOptions) => {
        if (!(seals instanceof Seals)) throw new Error('no seals');
        given.push(seals);
        if (fails) {
          seals.set(3, 0);
          throw Object.assign(new Error('EIO'), { code: 'EIO' });
        }
        const log: Partial<HostedLog> = {
          failed: new Promise(() => undefined),
          close: async () => undefined,
        };
        return log as HostedLog;
      },
    });
    const first = lease();
    const open = (of: Lease, object = 'one') =>
      opener.open({ directory: 'd', object, lease: of, makeDirectory: false }, (openLog) =>
        openLog(() => undefined, new Set()),
      );
    await t.rejects(open(first), { code: 'EIO' });
    fails = false;
    const { log } = await open(first);
    t.same([...given[1]!], [[3, 0]]);
    await open(first, 'two');
    t.same([...given[2]!], [], 'another object');
    await open(lease());
    t.same([...given[3]!], [], 'another grant');
    given[0]!.takeNotBeforeMs = 5;
    await log.close();
    const again = await open(first);
    t.same([...given[4]!], [[3, 0]], 'it was closed without a file of its own, for want of space');
    given[0]!.takeNotBeforeMs = 0;
    await again.log.close();
    await open(first);
    t.same([...given[5]!], []);
  },
);
