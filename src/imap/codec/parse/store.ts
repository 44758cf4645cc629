/** STORE (RFC 9051 section 6.4.6) with UNCHANGEDSINCE (RFC 7162 section 3.1.3). */
import type { Reader } from '../reader.ts';
import { SyntaxProblem } from '../reader.ts';
import type { Command, StoreCommand } from '../types.ts';

const ITEMS: ReadonlyMap<string, Pick<StoreCommand, 'mode' | 'silent'>> = new Map([
  ['FLAGS', { mode: 'replace', silent: false }],
  ['FLAGS.SILENT', { mode: 'replace', silent: true }],
  ['+FLAGS', { mode: 'add', silent: false }],
  ['+FLAGS.SILENT', { mode: 'add', silent: true }],
  ['-FLAGS', { mode: 'remove', silent: false }],
  ['-FLAGS.SILENT', { mode: 'remove', silent: true }],
]);

/** store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags */
export function parseStore(reader: Reader, uid: boolean): Command {
  reader.space();
  const set = reader.sequenceSet();
  reader.space();
  let unchangedSince: number | undefined;
  if (reader.isAt('(')) {
    reader.list(() => {
      if (reader.keyword('expected a modifier') !== 'UNCHANGEDSINCE')
        throw new SyntaxProblem('unknown modifier');
      reader.space();
      unchangedSince = reader.number64();
    });
    reader.space();
  }
  const item = ITEMS.get(reader.keyword('expected FLAGS'));
  if (item === undefined) throw new SyntaxProblem('expected FLAGS, +FLAGS or -FLAGS');
  reader.space();
  const flags = reader.isAt('(') ? reader.flagList() : reader.bareFlags();
  return { name: 'STORE', uid, set, ...item, flags, unchangedSince };
}
