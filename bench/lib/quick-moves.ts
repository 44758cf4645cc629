/**
 * Slots are spread evenly again sooner than by default, so that many tries take less time. No try begins while they move, so
 * what it measures is the same.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askLab } from '../../src/lab/control.ts';
import type { Lab } from '../../test/support/lab.ts';

/** A second. */
export const QUICK_MOVES = 2000;

/** The setting is read when a member starts: these are started again, one after the other. */
export async function moveQuickly(lab: Lab, members: readonly string[]): Promise<void> {
  for (const member of members) {
    const file = join(lab.base, member, 'Settings', 'Main.settings');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('{', `{\n  MovesPerSecond = ${QUICK_MOVES};`));
    await askLab(lab.base, 'stop', member);
    await askLab(lab.base, 'start', member);
  }
}
