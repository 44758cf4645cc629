/** Keeps the logs of a lab's members beyond its end. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../test/support/lab.ts';

export async function keepLogs(lab: Lab, folder: string): Promise<void> {
  for (const { name } of (await lab.file()).members)
    await cp(join(lab.base, name, 'Logs'), join(folder, name), { recursive: true });
}
