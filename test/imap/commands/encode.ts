/** Commands as a client writes them: the other half of the parser, for properties and session tests. */
import { formatDateTime, MONTHS } from '../../../src/imap/codec/dates.ts';
import { encodeMailboxName } from '../../../src/imap/codec/mailboxName.ts';
import { type Day, type SequenceSet, STAR } from '../../../src/imap/codec/types.ts';
import type { Command } from '../../../src/imap/commands/table.ts';
import type { FetchItem } from '../../../src/imap/fetch/table.ts';
import type { SearchKey } from '../../../src/imap/search/table.ts';

/** How strings are written: quoted where possible, or always as literals. */
export type StringForm = 'quoted' | 'literal' | 'non-synchronising';

export class CommandEncoder {
  readonly #form: StringForm;
  readonly #utf8: boolean;
  constructor(form: StringForm, utf8: boolean) {
    this.#form = form;
    this.#utf8 = utf8;
  }

  encode(tag: string, command: Command): Buffer {
    const uid =
      'uid' in command && command.uid ? 'UID ' : command.name === 'EXPUNGE' && command.uids ? 'UID ' : '';
    // Pieces hold one octet a character.
    return Buffer.from(`${tag} ${uid}${command.name}${this.#arguments(command)}`, 'latin1');
  }

  #arguments(command: Command): string {
    switch (command.name) {
      case 'LOGIN':
        return ` ${this.#text(command.user)} ${this.#text(command.password)}`;
      case 'AUTHENTICATE': {
        const { mechanism, initialResponse } = command;
        if (initialResponse === undefined) return ` ${mechanism}`;
        return ` ${mechanism} ${initialResponse.toString('base64') || '='}`;
      }
      case 'ENABLE':
        return ` ${command.capabilities.join(' ')}`;
      case 'ID': {
        if (command.fields === undefined) return ' NIL';
        const pairs = [...command.fields].map(
          ([name, value]) => `${this.#text(name)} ${value === undefined ? 'NIL' : this.#text(value)}`,
        );
        return ` (${pairs.join(' ')})`;
      }
      case 'SELECT':
      case 'EXAMINE':
        return ` ${this.#mailbox(command.mailbox)}${command.condstore ? ' (CONDSTORE)' : ''}`;
      case 'CREATE': {
        const use = command.specialUse.length === 0 ? '' : ` (USE (${command.specialUse.join(' ')}))`;
        return ` ${this.#mailbox(command.mailbox)}${use}`;
      }
      case 'DELETE':
      case 'SUBSCRIBE':
      case 'UNSUBSCRIBE':
        return ` ${this.#mailbox(command.mailbox)}`;
      case 'RENAME':
        return ` ${this.#mailbox(command.from)} ${this.#mailbox(command.to)}`;
      case 'LIST': {
        const selection = command.extended ? ` (${[...command.selection].join(' ')})` : '';
        const patterns = command.patterns.map((pattern) => this.#mailbox(pattern));
        const status = command.status.length === 0 ? [] : [`STATUS (${command.status.join(' ')})`];
        const returns = command.extended ? ` RETURN (${[...command.returns, ...status].join(' ')})` : '';
        const written = command.extended ? `(${patterns.join(' ')})` : patterns.join(' ');
        return `${selection} ${this.#mailbox(command.reference)} ${written}${returns}`;
      }
      case 'LSUB':
        return ` ${this.#mailbox(command.reference)} ${this.#mailbox(command.pattern)}`;
      case 'STATUS':
        return ` ${this.#mailbox(command.mailbox)} (${command.items.join(' ')})`;
      case 'APPEND': {
        const date = command.internalDateMs === undefined ? '' : ` ${formatDateTime(command.internalDateMs)}`;
        const flags = command.flags.length === 0 ? '' : ` (${command.flags.join(' ')})`;
        return ` ${this.#mailbox(command.mailbox)}${flags}${date} ${literal(command.content, this.#form)}`;
      }
      case 'EXPUNGE':
        return command.uids === undefined ? '' : ` ${sequenceSet(command.uids)}`;
      case 'SEARCH': {
        const returns = command.returns === undefined ? '' : ` RETURN (${[...command.returns].join(' ')})`;
        return `${returns} CHARSET UTF-8 ${this.#key(command.key, true)}`;
      }
      case 'FETCH': {
        const since = command.changedSince === undefined ? '' : ` (CHANGEDSINCE ${command.changedSince})`;
        const items = command.items.map((item) => this.#item(item));
        return ` ${sequenceSet(command.set)} (${items.join(' ')})${since}`;
      }
      case 'STORE': {
        const since =
          command.unchangedSince === undefined ? '' : ` (UNCHANGEDSINCE ${command.unchangedSince})`;
        const sign = { add: '+', remove: '-', replace: '' }[command.mode];
        const flags = `${sign}FLAGS${command.silent ? '.SILENT' : ''} (${command.flags.join(' ')})`;
        return ` ${sequenceSet(command.set)}${since} ${flags}`;
      }
      case 'COPY':
      case 'MOVE':
        return ` ${sequenceSet(command.set)} ${this.#mailbox(command.mailbox)}`;
      default:
        return '';
    }
  }

  #item(item: FetchItem): string {
    if (item.kind !== 'BODY[]') return item.kind;
    const { part, text, fields } = item.section;
    const names = fields.length === 0 ? '' : ` (${fields.map((name) => this.#text(name)).join(' ')})`;
    const spec = [...part.map(String), ...(text === undefined ? [] : [text])].join('.');
    const partial = item.partial === undefined ? '' : `<${item.partial.offset}.${item.partial.octets}>`;
    return `BODY${item.peek ? '.PEEK' : ''}[${spec}${names}]${partial}`;
  }

  #key(key: SearchKey, outermost = false): string {
    switch (key.kind) {
      case 'AND': {
        const keys = key.keys.map((one) => this.#key(one)).join(' ');
        return outermost && key.keys.length > 1 ? keys : `(${keys})`;
      }
      case 'NOT':
        return `NOT ${this.#key(key.key)}`;
      case 'OR':
        return `OR ${this.#key(key.left)} ${this.#key(key.right)}`;
      case 'HEADER':
        return `HEADER ${this.#text(key.field)} ${this.#text(key.text)}`;
      case 'KEYWORD':
      case 'UNKEYWORD':
        return `${key.kind} ${key.flag}`;
      case 'LARGER':
      case 'SMALLER':
        return `${key.kind} ${key.octets}`;
      case 'OLDER':
      case 'YOUNGER':
        return `${key.kind} ${key.seconds}`;
      case 'MODSEQ':
        return `MODSEQ ${key.modseq}`;
      case 'EMAILID':
      case 'THREADID':
        return `${key.kind} ${key.id}`;
      case 'SEQUENCE':
        return sequenceSet(key.set);
      case 'UID':
        return `UID ${sequenceSet(key.set)}`;
      default:
        if ('day' in key) return `${key.kind} ${formatDay(key.day)}`;
        return 'text' in key ? `${key.kind} ${this.#text(key.text)}` : key.kind;
    }
  }

  #mailbox(name: string): string {
    return string(encodeMailboxName(name, this.#utf8), this.#form);
  }

  #text(text: string): string {
    return string(Buffer.from(text), this.#form);
  }
}

/** date-text */
export function formatDay(day: Day): string {
  return `${day.day}-${MONTHS[day.month - 1]}-${String(day.year).padStart(4, '0')}`;
}

export function sequenceSet(set: SequenceSet): string {
  if (set.kind === 'saved') return '$';
  const number = (value: number) => (value === STAR ? '*' : String(value));
  return set.ranges
    .map(({ from, to }) => (from === to ? number(from) : `${number(from)}:${number(to)}`))
    .join(',');
}

function string(octets: Buffer, form: StringForm): string {
  const text = octets.toString('latin1');
  if (form === 'quoted' && !/[\r\n]/.test(text)) return `"${text.replace(/["\\]/g, '\\$&')}"`;
  return literal(octets, form);
}

function literal(octets: Buffer, form: StringForm): string {
  return `{${octets.length}${form === 'non-synchronising' ? '+' : ''}}\r\n${octets.toString('latin1')}`;
}
