/** What a client that stored with .SILENT believes (RFC 3501 section 6.4.6). */
import t from 'tap';
import { Believed } from '../../../src/imap/session/believed.ts';
import type { Uid } from '../../../src/store/account/types.ts';

const UID = 7 as Uid;
const TABLE = [
  ['add', ['\\Seen'], ['$A'], ['\\Seen', '$a'], true],
  ['add', ['\\Seen'], ['$A'], ['\\Seen'], false],
  ['add', ['\\Seen'], ['\\Seen'], ['\\Seen'], true],
  ['remove', ['\\Seen', '$A'], ['$a'], ['\\Seen'], true],
  ['remove', ['\\Seen', '$A'], ['$a'], ['\\Seen', '\\Flagged'], false],
  ['replace', ['\\Seen'], ['$B', '\\Draft'], ['\\Draft', '$B'], true],
  ['replace', ['\\Seen'], [], [], true],
  ['replace', ['\\Seen'], [], ['\\Seen'], false],
] as const;

for (const [mode, before, flags, now, holds] of TABLE)
  void t.test(`${before.join(' ')} ${mode} ${flags.join(' ')} is ${now.join(' ')}`, async (t) => {
    const believed = new Believed({ mode, flags });
    believed.knew(UID, before);
    t.equal(believed.holds(UID, now), holds);
    t.equal(
      believed.holds((UID + 1) as Uid, now),
      false,
      'of a message whose flags it was not told it believes nothing',
    );
  });
