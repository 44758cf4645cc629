/**
 * Workers that share a port bind it with SO_REUSEPORT, and so would another member that was given the same port by
 * mistake: clients of one would land on the other. So the supervisor tries each port alone before it starts workers; and
 * each address that has a purpose, so that one that this machine does not have is found before anything rests on it.
 */

import type { Role } from '../cluster/types.ts';
import type { Address, Platform } from '../platform/platform.ts';
import type { SettingName, Settings } from '../settings/settings.ts';
import { LISTENERS } from './listeners.ts';
import { DUTIES } from './roles.ts';
import type { StartProblem } from './worker-processes.ts';

const PURPOSES = ['ManagementAddress', 'PublicAddress', 'StorageAddress'] as const;

/** The first listener whose address cannot be had, or undefined. */
export async function takenPort(
  platform: Pick<Platform, 'net'>,
  role: Role,
  settings: Settings,
): Promise<StartProblem | undefined> {
  for (const key of PURPOSES) {
    const host = settings[key];
    const problem = host === '' ? undefined : await tryAddress(platform, key, { host, port: 0 });
    if (problem !== undefined) return problem;
  }
  for (const { setting, on } of LISTENERS) {
    if (!on(DUTIES[role])) continue;
    for (const wanted of settings[setting]) {
      const problem = wanted.port === 0 ? undefined : await tryAddress(platform, setting, wanted);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

async function tryAddress(
  platform: Pick<Platform, 'net'>,
  setting: SettingName,
  address: Address,
): Promise<StartProblem | undefined> {
  try {
    const listener = await platform.net.listen(address, (connection) => connection.destroy());
    await listener.close();
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'failed', setting, code: code ?? '', why: message };
  }
}
