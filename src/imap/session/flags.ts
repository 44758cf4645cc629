/** FLAGS and PERMANENTFLAGS (RFC 3501 sections 7.1 and 7.2.6): which flags a mailbox has, and which can be kept. */

import { SYSTEM_FLAGS } from '../codec/types.ts';

/** `\*`: a client may make keywords. Nothing can be kept where nothing can be written. */
export function flagsLines(
  keywords: readonly string[],
  readOnly: boolean,
): readonly [flags: string, permanentFlags: string] {
  const flags = [...SYSTEM_FLAGS, ...keywords].join(' ');
  return [`* FLAGS (${flags})`, `* OK [PERMANENTFLAGS (${readOnly ? '' : `${flags} \\*`})] flags that last`];
}

/** Keywords that one client was told of; compared without case (RFC 3501 section 2.3.2 leaves it open, RFC 9051 says so). */
export class SpokenFlags {
  readonly #known = new Set<string>();

  constructor(keywords: readonly string[]) {
    this.learn(keywords);
  }

  /** True when some of these were new. */
  learn(keywords: readonly string[]): boolean {
    const before = this.#known.size;
    for (const keyword of keywords) this.#known.add(keyword.toLowerCase());
    return this.#known.size > before;
  }
}
