/** Where a self-test works: `.cluster/self-test/<member>/<token>`, made for it and gone after it. Nobody else writes there. */
import type { Fs, Random } from '../../platform/platform.ts';

const TOKEN_OCTETS = 8;
const TOKEN = /^[0-9a-f]{16}$/;

export interface Place {
  readonly token: string;
  readonly directory: string;
}

/** As a partner finds it too. Undefined for a token that is none: it comes from another machine. */
export function placeOf(root: string, member: string, token: string): string | undefined {
  return TOKEN.test(token) ? `${ofMember(root, member)}/${token}` : undefined;
}

/**
 * Makes a fresh one. What a start that was killed has left there is removed first, but for `beside`: then the member itself
 * may be at work there.
 */
export async function makePlace(
  { fs, random }: { readonly fs: Fs; readonly random: Random },
  root: string,
  member: string,
  beside = false,
): Promise<Place> {
  const token = random.bytes(TOKEN_OCTETS).toString('hex');
  if (!beside) await fs.removeTree(ofMember(root, member));
  const directory = `${ofMember(root, member)}/${token}`;
  await fs.makeDirectory(directory);
  return { token, directory };
}

function ofMember(root: string, member: string): string {
  return `${root}/.cluster/self-test/${member}`;
}
