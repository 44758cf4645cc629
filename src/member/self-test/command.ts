/** `postern check-storage --Base DIR`: the self-test of a backend's storage for a person, one line a check. */
import { MemberSecurity } from '../../cluster/security/member-security.ts';
import type { CheckStorageOptions } from '../../flags.ts';
import { noLogger } from '../../lib/logging.ts';
import { realPlatform } from '../../platform/real/platform.ts';
import { loadOwnSettings, memberName } from '../own-settings.ts';
import { readSecurityFiles } from '../security-files.ts';
import { admitStorage, memberPlatform, storageRoot } from '../storage.ts';
import { findingsOn } from './start.ts';
import { type Finding, fine, refused, type Verdict } from './types.ts';

const STATUS_REFUSED = 1;
const COLUMN = 10;
const WORDS: Readonly<Record<Verdict, string>> = {
  fine: 'fine',
  unknown: 'not tried',
  warned: 'WARNING',
  refused: 'REFUSED',
};

/** Resolves to the exit status. */
export async function checkStorageCommand({ base }: CheckStorageOptions): Promise<number> {
  const found = await findings(base);
  for (const each of found) process.stdout.write(lineOf(each));
  return found.some(({ verdict }) => verdict === 'refused') ? STATUS_REFUSED : 0;
}

async function findings(base: string): Promise<readonly Finding[]> {
  const { settings } = await loadOwnSettings(realPlatform().fs, base, false);
  const platform = memberPlatform(base, settings.PoolSize);
  // Nothing is written where the storage is not mounted.
  const marker = await admitStorage(platform, base).then(
    (clusterId) => fine('marker', `${storageRoot(base)} belongs to the cluster ${clusterId}`),
    (error: unknown) => refused('marker', (error as Error).message, 'see to the mount'),
  );
  if (marker.verdict === 'refused') return [marker];
  const files = await readSecurityFiles(base);
  const security = files && new MemberSecurity(files);
  const member = memberName(settings);
  const options = { platform, base, member, settings, security, logger: noLogger, beside: true };
  return [marker, ...(await findingsOn(options))];
}

function lineOf({ check, verdict, what, next }: Finding): string {
  const advice = next === undefined || next === '' ? '' : `: ${next}`;
  return `${WORDS[verdict].padEnd(COLUMN)} ${check.padEnd(COLUMN + 1)} ${what}${advice}\n`;
}
