/** Commands that are little more than mailbox names: SELECT to STATUS (RFC 9051 section 6.3), COPY and MOVE (6.4). */
import type { Reader } from '../reader.ts';
import { SyntaxProblem } from '../reader.ts';
import type { Command, StatusItem } from '../types.ts';
import { STATUS_ITEMS } from '../types.ts';

/** RFC 6154 section 6: the attributes that USE may name. */
const SPECIAL_USES = new Map(
  ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Important', '\\Junk', '\\Sent', '\\Trash'].map((use) => [
    use.toLowerCase(),
    use,
  ]),
);

/** select = "SELECT" SP mailbox [select-params], RFC 4466; CONDSTORE is RFC 7162 section 3.1.8. */
export function parseSelect(reader: Reader, name: 'SELECT' | 'EXAMINE'): Command {
  reader.space();
  const mailbox = reader.mailbox();
  let condstore = false;
  if (reader.acceptSpaceBeforeMore())
    reader.list(() => {
      if (reader.keyword('expected a parameter') !== 'CONDSTORE')
        throw new SyntaxProblem('unknown parameter');
      condstore = true;
    });
  return { name, mailbox, condstore };
}

/** create = "CREATE" SP mailbox [create-params]; USE is RFC 6154 section 3. */
export function parseCreate(reader: Reader): Command {
  reader.space();
  const mailbox = reader.mailbox();
  const specialUse = new Set<string>();
  if (reader.acceptSpaceBeforeMore())
    reader.list(() => {
      if (reader.keyword('expected a parameter') !== 'USE') throw new SyntaxProblem('unknown parameter');
      reader.space();
      reader.list(() => specialUse.add(parseSpecialUse(reader)));
    });
  return { name: 'CREATE', mailbox, specialUse: [...specialUse] };
}

export function parseMailbox(reader: Reader, name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE'): Command {
  reader.space();
  return { name, mailbox: reader.mailbox() };
}

/** rename = "RENAME" SP mailbox SP mailbox */
export function parseRename(reader: Reader): Command {
  reader.space();
  const from = reader.mailbox();
  reader.space();
  return { name: 'RENAME', from, to: reader.mailbox() };
}

/** status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
export function parseStatus(reader: Reader): Command {
  reader.space();
  const mailbox = reader.mailbox();
  reader.space();
  return { name: 'STATUS', mailbox, items: statusItems(reader) };
}

/** A list of at least one status-att, without duplicates. */
export function statusItems(reader: Reader): readonly StatusItem[] {
  const items = new Set<StatusItem>();
  reader.list(() => {
    const word = reader.keyword('expected a status item');
    const item = STATUS_ITEMS.find((known) => known === word);
    if (item === undefined) throw new SyntaxProblem('unknown status item');
    items.add(item);
  });
  if (items.size === 0) throw new SyntaxProblem('expected a status item');
  return [...items];
}

/** copy = "COPY" SP sequence-set SP mailbox; MOVE alike */
export function parseCopy(reader: Reader, name: 'COPY' | 'MOVE', uid: boolean): Command {
  reader.space();
  const set = reader.sequenceSet();
  reader.space();
  return { name, uid, set, mailbox: reader.mailbox() };
}

function parseSpecialUse(reader: Reader): string {
  reader.expect('\\');
  const use = SPECIAL_USES.get(`\\${reader.atom('expected a special use').toLowerCase()}`);
  // RFC 6154 section 3: an attribute that cannot be set is refused with USEATTR.
  if (use === undefined) throw new SyntaxProblem('no such special use', 'NO', '[USEATTR] ');
  return use;
}
