/** The tables that everything else comes from: that each row is whole, and what is made of them. */
import t from 'tap';
import { capabilitiesAfterLogin, capabilitiesBeforeLogin } from '../../../src/imap/capabilities.ts';
import { parseCommand, specOfFrame } from '../../../src/imap/commands/parse.ts';
import { STATUS_ITEMS } from '../../../src/imap/commands/status-items.ts';
import { COMMANDS, type Command } from '../../../src/imap/commands/table.ts';
import type { CommandSpec } from '../../../src/imap/commands/types.ts';
import { FEATURES } from '../../../src/imap/features.ts';
import type { FetchItemSpec } from '../../../src/imap/fetch/item.ts';
import { FETCH_ITEMS, type FetchItem } from '../../../src/imap/fetch/table.ts';
import { AUTHENTICATED_LIMITS } from '../../../src/imap/limits.ts';
import { SEARCH_KEYS } from '../../../src/imap/search/table.ts';

const ROWS: readonly CommandSpec<Command>[] = COMMANDS;

function twice(words: readonly string[]): readonly string[] {
  return words.filter((word, index) => words.indexOf(word) !== index);
}

void t.test('no word means two things, and each is upper case', async (t) => {
  const tables = [
    ROWS.map(({ name }) => name),
    FETCH_ITEMS.flatMap(({ words, kind }: FetchItemSpec<FetchItem>) => words ?? [kind]),
    FETCH_ITEMS.map(({ kind }) => kind),
    SEARCH_KEYS.map(({ kind }) => kind),
    Object.keys(STATUS_ITEMS),
    FEATURES.map(({ name }) => name),
  ];
  for (const words of tables) {
    t.strictSame(twice(words), []);
    t.strictSame(
      words.filter((word) => word !== word.toUpperCase()),
      [],
    );
  }
});

void t.test('a command has what its phases need to run it', async (t) => {
  for (const row of ROWS) {
    const { name, phases } = row;
    t.equal('atDoor' in row, phases.includes('not-authenticated'), `${name} before log-in`);
    const isForOwner = phases.includes('selected');
    t.equal('run' in row || 'atFrontend' in row, isForOwner, `${name} after log-in`);
    // RFC 9051 section 3: what may be given in the authenticated state may be given with a mailbox selected.
    if (phases.includes('authenticated')) t.ok(isForOwner, name);
  }
});

void t.test('RFC 9051 section 6.4: commands that need a mailbox, and no others', async (t) => {
  const only = ROWS.filter(({ phases }) => phases.length === 1 && phases[0] === 'selected');
  t.strictSame(only.map(({ name }) => name).sort(), [
    'CHECK',
    'CLOSE',
    'COPY',
    'EXPUNGE',
    'FETCH',
    'MOVE',
    'SEARCH',
    'STORE',
    'UNSELECT',
  ]);
  t.strictSame(
    ROWS.filter(({ hasUidForm }) => hasUidForm)
      .map(({ name }) => name)
      .sort(),
    ['COPY', 'EXPUNGE', 'FETCH', 'MOVE', 'SEARCH', 'STORE'],
  );
});

void t.test('a UID form where there is none is no command', async (t) => {
  for (const { name, hasUidForm } of ROWS)
    if (!hasUidForm)
      t.match(parseCommand(Buffer.from(`a UID ${name} 1`), { utf8: false }), {
        kind: 'bad',
        why: 'unknown command',
      });
});

void t.test('the frontend knows a command by its name alone', async (t) => {
  const named = (frame: string) => specOfFrame(Buffer.from(frame))?.name;
  t.equal(named('a1 FETCH 1 FLAGS'), 'FETCH');
  t.equal(named('a1 uid fetch 1 FLAGS'), 'FETCH');
  t.equal(named('a1 noop'), 'NOOP');
  t.equal(named('a1 append "x" {5}\r\n'), 'APPEND');
  for (const none of ['', 'a1', 'a1 ', 'a1 FETCHX 1', 'a1 UID', 'a1 toString', 'a1 __proto__', ' FETCH 1'])
    t.equal(named(none), undefined, JSON.stringify(none));
});

void t.test('what is repeated after the loss of an owner', async (t) => {
  const of = (repeat: string) => ROWS.filter((one) => one.repeat === repeat).map(({ name }) => name);
  t.strictSame(of('none').sort(), ['APPEND', 'COPY'], 'done twice they make copies');
  t.strictSame(of('transaction').sort(), [
    'CLOSE',
    'CREATE',
    'DELETE',
    'EXPUNGE',
    'MOVE',
    'RENAME',
    'STORE',
    'SUBSCRIBE',
    'UNSUBSCRIBE',
  ]);
  t.strictSame([...AUTHENTICATED_LIMITS.messageVerbs], ['APPEND']);
});

void t.test('the capability line before log-in', async (t) => {
  const line = (startTls: boolean, passwordsAllowed: boolean, ...mechanisms: string[]) =>
    capabilitiesBeforeLogin({ startTls, passwordsAllowed, mechanisms }).join(' ');
  // RFC 3501 section 6.1.1: IMAP4rev1 must be there, STARTTLS and LOGINDISABLED as things are.
  const always = 'IMAP4rev1 LITERAL+ ID SASL-IR ENABLE';
  t.equal(line(true, false), `${always} STARTTLS LOGINDISABLED`);
  t.equal(line(false, true, 'SCRAM-SHA-256', 'PLAIN'), `${always} AUTH=SCRAM-SHA-256 AUTH=PLAIN`);
});

void t.test('the capability line after log-in', async (t) => {
  t.equal(
    capabilitiesAfterLogin({ appendOctetsMax: 1000 }).join(' '),
    'IMAP4rev1 LITERAL+ ID SASL-IR ENABLE APPENDLIMIT=1000 CHILDREN CONDSTORE CREATE-SPECIAL-USE ESEARCH IDLE LIST-EXTENDED ' +
      'LIST-STATUS MOVE NAMESPACE OBJECTID SEARCHRES SPECIAL-USE STATUS=SIZE UIDPLUS UNSELECT UTF8=ACCEPT WITHIN',
  );
});
