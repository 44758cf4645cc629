/** Whether a base folder is that of a member which stands alone, so that nobody but its own processes runs on its storage. */
import { readMemberCertificate } from '../cluster/security/identity.ts';
import type { Platform } from '../platform/platform.ts';
import type { Settings } from '../settings/settings.ts';
import { isAtRest } from './at-rest.ts';
import { readSecurityFiles } from './security-files.ts';
import { ownClusterId, storageRoot } from './storage.ts';
import { timesOf } from './times.ts';

/**
 * Before there were certificates such a member had none; nor has a cluster's backend that has lost them, and is started without
 * its role by mistake: then the storage is looked at.
 */
export async function wasAlone(platform: Platform, base: string, settings: Settings): Promise<boolean> {
  if ((await ownClusterId(base)) === undefined) return false;
  const files = await readSecurityFiles(base);
  if (files === undefined) return isAtRest(platform, storageRoot(base), timesOf(settings));
  return readMemberCertificate(files.certificate)?.role === 'standalone';
}
