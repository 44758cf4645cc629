/** A server under load: where its IMAP is, who may log in, and the process that all its processes descend from. */
import type { Address } from '../../src/platform/platform.ts';
import { Lab } from '../../test/support/lab.ts';
import type { Login } from './imap-client.ts';

export interface Peer {
  readonly name: string;
  readonly imap: Address;
  readonly imaps: Address;
  readonly accounts: readonly Login[];
  readonly pid: number;
  stop(): Promise<void>;
}

/** A lab of one frontend and one backend with so many accounts. */
export async function startPostern(accounts: number): Promise<Peer & { readonly lab: Lab }> {
  const lab = await Lab.start(['--backends', '1', '--frontends', '1', '--accounts', String(accounts)]);
  return {
    lab,
    name: 'postern',
    imap: await lab.service('fe1', 'imap'),
    imaps: await lab.service('fe1', 'imaps'),
    accounts: (await lab.file()).accounts,
    pid: lab.pid,
    stop: async () => void (await lab.stop()),
  };
}
