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

void t.test('of neighbours with the same flags, and of those without', async (t) => {
  const believed = new Believed({ mode: 'add', flags: ['$A'] });
  const [seen, none] = [['\\Seen'], []];
  for (const uid of [2, 3, 4, 7]) believed.knew(uid as Uid, seen);
  for (const uid of [8, 9, 20]) believed.knew(uid as Uid, none);
  const holding = (...flags: string[]) =>
    Array.from({ length: 22 }, (_, uid) => uid).filter((uid) => believed.holds(uid as Uid, flags));
  t.same(holding('\\Seen', '$A'), [2, 3, 4, 7]);
  t.same(holding('$A'), [8, 9, 20]);
});

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
