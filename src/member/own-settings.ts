/** The settings of the base folder as a start reads them: what is wrong ends it with one line for who has to mend it. */
import { hostname } from 'node:os';
import { Failure } from '../lib/failure.ts';
import type { Fs } from '../platform/platform.ts';
import { loadSettings, problemLine } from '../settings/load.ts';
import type { Settings } from '../settings/settings.ts';

export type OwnSettings = Extract<Awaited<ReturnType<typeof loadSettings>>, { kind: 'value' }>;

/** Failure 'invalid' with the first problem, and how many more there are. */
export async function loadOwnSettings(fs: Fs, base: string, isBackend: boolean): Promise<OwnSettings> {
  const loaded = await loadSettings(fs, base, isBackend);
  if (loaded.kind === 'value') return loaded;
  const [first, ...more] = loaded.problems;
  const line = first === undefined ? base : problemLine(first);
  throw new Failure('invalid', more.length === 0 ? line : `${line} (and ${more.length} more)`);
}

export function memberName(settings: Settings): string {
  return settings.MemberName || hostname();
}
