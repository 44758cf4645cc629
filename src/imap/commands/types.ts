/**
 * What a command is: one value that holds its grammar, where and when it may be given, what runs it, what it may change
 * and what of the capability line it brings. All of them together are the table (table.ts), from which the parser, the
 * dispatch before and after log-in, CAPABILITY and the frontend's care with repetitions come: so a new command is a file
 * of its own and a line there.
 */
import type { Capabilities } from '../capability.ts';
import type { Reader } from '../codec/reader.ts';
import type { Door, Tried } from '../frontend/door.ts';
import type { Session } from '../session/session.ts';
import type { Outcome } from './outcome.ts';

/** The states of RFC 9051 section 3; in logout nothing is read. */
export type Phase = 'not-authenticated' | 'authenticated' | 'selected';

export const ALWAYS: readonly Phase[] = ['not-authenticated', 'authenticated', 'selected'];
export const BEFORE_LOGIN: readonly Phase[] = ['not-authenticated'];
export const LOGGED_IN: readonly Phase[] = ['authenticated', 'selected'];
export const SELECTED: readonly Phase[] = ['selected'];

/**
 * What doing it twice would do. `safe`: nothing that counts, so it has no transaction. `transaction`: it changes what is
 * stored, once, under the number of a transaction, and a client that is told NO may do it again. `none`: the same, but a
 * client that is told NO and does it again makes copies; so where it is not known what became of it, it is never told NO.
 */
export type Repeat = 'safe' | 'transaction' | 'none';

/** Which changes by others are told at its end; RFC 9051 section 7.5.1 forbids EXPUNGE for some, unless given as UID. */
export type Tells = 'all' | 'no-expunge' | 'nothing';

/** A parsed command without its tag; its arguments stand beside the name. */
export interface NamedCommand {
  readonly name: string;
  /** It was given in its UID form. */
  readonly uid?: boolean;
}

export interface CommandSpec<C extends NamedCommand> {
  /** Upper case. */
  readonly name: C['name'];
  readonly phases: readonly Phase[];
  /** There is a form with UID before it (RFC 9051 section 6.4.9). */
  readonly hasUidForm?: boolean;
  /** What it adds to the capability line. */
  readonly capabilities?: Capabilities;
  readonly repeat: Repeat;
  /** Selects a mailbox; when it fails, for whatever reason, none is selected (RFC 3501 section 6.3.1). */
  readonly selects?: boolean;
  /** Brings a message: a literal may be as large as one. */
  readonly bringsMessage?: boolean;
  /**
   * After log-in it is not only handed on: it ends the connection, which is the frontend's, or it runs until the client
   * says so, for which the frontend reads that line.
   */
  readonly atFrontend?: 'ends-connection' | 'runs-until-line';
  /** Reads what follows the name, to the end of the command. */
  parse(reader: Reader, uid: boolean): C;
  /** Runs it before log-in, on the frontend. */
  atDoor?(door: Door, tag: string, command: C): Promise<Tried>;
  /** Runs it after log-in, at the owner of the account. */
  run?(session: Session, command: C): Promise<Outcome> | Outcome;
  /** Of `run`; 'nothing' too for what tells changes itself. */
  readonly tells?: Tells;
}
