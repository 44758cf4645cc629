/**
 * One framed command to a value (RFC 9051 section 9, command). Which commands there are the table says; each row begins
 * behind its name and must leave the reader at the end. Whether a command is allowed now is not looked at here.
 */
import { verbOf } from '../codec/framing.ts';
import { Reader, SyntaxProblem } from '../codec/reader.ts';
import type { ParseContext, Refused } from '../codec/types.ts';
import { type Command, specOf } from './table.ts';
import type { CommandSpec } from './types.ts';

/** The outcome of parsing one frame. */
export type Parsed = { readonly kind: 'command'; readonly tag: string; readonly command: Command } | Refused;

/** Parses the octets of a `command` frame, which must not be written to afterwards. */
export function parseCommand(octets: Buffer, context: ParseContext): Parsed {
  const reader = new Reader(octets, context);
  let tag: string | undefined;
  try {
    const word = reader.tag();
    // What ends otherwise is no tag, and its client knows no command by it.
    if (reader.atEnd || reader.isAt(' ')) tag = word;
    reader.space();
    const command = parseNamed(reader);
    reader.expectEnd();
    return { kind: 'command', tag: word, command };
  } catch (problem) {
    if (!(problem instanceof SyntaxProblem)) throw problem;
    return { kind: 'bad', tag, status: problem.status, code: problem.code, why: problem.message };
  }
}

function parseNamed(reader: Reader): Command {
  const word = reader.keyword('expected a command');
  const uid = word === 'UID';
  if (uid) reader.space();
  const spec = specOf(uid ? reader.keyword('expected a command') : word);
  if (spec === undefined || (uid && !spec.hasUidForm)) throw new SyntaxProblem('unknown command');
  return spec.parse(reader, uid);
}

/**
 * The row of a command, or of one that has begun to arrive, by its name alone: for those that hand it on without looking
 * into it. Undefined too for what is no command at all.
 */
export function specOfFrame(octets: Buffer): CommandSpec<Command> | undefined {
  return specOf(verbOf(octets) ?? '');
}
