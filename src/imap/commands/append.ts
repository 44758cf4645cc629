/**
 * APPEND (RFC 3501 section 6.3.11) with APPENDUID (RFC 4315), literal8 (RFC 3516), the UTF8 form (RFC 6855 section 4) and
 * APPENDLIMIT (RFC 7889).
 */
import type { Reader } from '../codec/reader.ts';
import { SyntaxProblem } from '../codec/reader.ts';
import type { Flag } from '../codec/types.ts';
import { NO_TARGET, OK } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface AppendCommand {
  readonly name: 'APPEND';
  readonly mailbox: string;
  readonly flags: readonly Flag[];
  readonly internalDateMs: number | undefined;
  readonly content: Buffer;
}

export const append: CommandSpec<AppendCommand> = {
  name: 'APPEND',
  phases: LOGGED_IN,
  capabilities: { afterLogin: ({ appendOctetsMax }) => [`APPENDLIMIT=${appendOctetsMax}`] },
  repeat: 'none',
  bringsMessage: true,
  tells: 'all',

  /** append = "APPEND" SP mailbox SP [flag-list SP] [date-time SP] literal */
  parse(reader) {
    reader.space();
    const mailbox = reader.mailbox();
    reader.space();
    let flags: readonly Flag[] = [];
    if (reader.isAt('(')) {
      flags = reader.flagList();
      reader.space();
    }
    let internalDateMs: number | undefined;
    if (reader.isAt('"')) {
      internalDateMs = reader.dateTime();
      reader.space();
    }
    return { name: 'APPEND', mailbox, flags, internalDateMs, content: message(reader) };
  },

  async run(session, command) {
    const mailbox = session.account.mailbox(command.mailbox);
    if (mailbox === undefined || !mailbox.selectable) return NO_TARGET;
    const internalDateMs = command.internalDateMs ?? session.clock.wallMs();
    const { content, flags } = command;
    const { uidValidity, uid } = await session.account.append(
      mailbox.id,
      { content, flags, internalDateMs },
      session.transaction,
    );
    return OK('appended', `[APPENDUID ${uidValidity} ${uid}]`);
  },
};

function message(reader: Reader): Buffer {
  if (reader.isAt('{')) return reader.literal();
  if (reader.isAt('~')) return withoutNul(reader.literal8());
  if (!reader.acceptKeyword('UTF8')) throw new SyntaxProblem('expected a literal');
  // RFC 6855 section 4: the UTF8 form only after ENABLE UTF8=ACCEPT.
  if (!reader.context.utf8) throw new SyntaxProblem('UTF8 needs ENABLE UTF8=ACCEPT');
  reader.space();
  reader.expect('(');
  const octets = reader.literal8();
  reader.expect(')');
  return withoutNul(octets);
}

/** RFC 3516 section 4.4: a server that cannot store binary content refuses with UNKNOWN-CTE. FETCH has no NUL either. */
function withoutNul(octets: Buffer): Buffer {
  if (octets.includes(0)) throw new SyntaxProblem('messages with NUL are not kept', 'NO', '[UNKNOWN-CTE] ');
  return octets;
}
