/** The real engines fit the host: checked by the compiler, and named here so that a change of either is noticed. */
import t from 'tap';
import { openAccount } from '../../../src/store/account/account.ts';
import type { OpenAccount, OpenLog } from '../../../src/store/host/types.ts';
import { openLog } from '../../../src/store/log/log.ts';

void t.test('log and account engines can be given to a host', async (t) => {
  const engines: { readonly log: OpenLog; readonly account: OpenAccount } = {
    log: openLog,
    account: openAccount,
  };
  t.equal(engines.log.length, 1);
  t.equal(engines.account.length, 1);
});
