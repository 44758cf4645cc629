/**
 * Workers that share a port bind it with SO_REUSEPORT, and so would another member that was given the same port by
 * mistake: clients of one would land on the other. So the supervisor tries each port alone before it starts workers.
 */

import type { Role } from '../cluster/types.ts';
import type { Platform } from '../platform/platform.ts';
import type { SettingName, Settings } from '../settings/settings.ts';
import { LISTENERS } from './listeners.ts';
import { DUTIES } from './roles.ts';
import type { StartProblem } from './worker-processes.ts';

/** The first listener whose address cannot be had, or undefined. */
export async function takenPort(
  platform: Platform,
  role: Role,
  settings: Settings,
): Promise<StartProblem | undefined> {
  for (const { setting, on } of LISTENERS) {
    const wanted = settings[setting];
    if (!on(DUTIES[role]) || wanted === 'off' || wanted.port === 0) continue;
    try {
      const listener = await platform.net.listen(wanted, (connection) => connection.destroy());
      await listener.close();
    } catch (error) {
      return problem(setting, error);
    }
  }
  return undefined;
}

function problem(setting: SettingName, error: unknown): StartProblem {
  const { code, message } = error as NodeJS.ErrnoException;
  return { kind: 'failed', setting, code: code ?? '', why: message };
}
