/** The table of commands: what there is, for whom, and when. HELP and the answer to anything else come from it. */
import { auth } from './auth.ts';
import { bdat } from './bdat.ts';
import { data } from './data.ts';
import { hello } from './hello.ts';
import { mail } from './mail.ts';
import { rcpt } from './rcpt.ts';
import type { Session } from './session.ts';
import { expn, noop, quit, rset, vrfy } from './simple.ts';
import { startTls } from './starttls.ts';
import { type Outcome, reply } from './types.ts';

export interface Command {
  readonly run: (session: Session, argument: string) => Outcome | Promise<Outcome>;
  /** Anywhere, or only after EHLO, HELO or LHLO (RFC 5321 section 4.1.4). */
  readonly after?: 'hello';
  /** Left out: for everybody. Otherwise it is as unknown as any other word. */
  readonly on?: (session: Session) => boolean;
  /** Its reply may wait for those behind it (RFC 2920 section 3.1). */
  readonly isGrouped?: true;
}

const isLmtp = (session: Session): boolean => session.isLmtp;
const isSmtp = (session: Session): boolean => !session.isLmtp;

const COMMANDS: Readonly<Record<string, Command>> = {
  EHLO: { run: hello('EHLO'), on: isSmtp },
  HELO: { run: hello('HELO'), on: isSmtp },
  LHLO: { run: hello('LHLO'), on: isLmtp },
  STARTTLS: { run: startTls, on: ({ options }) => options.hasTls },
  AUTH: { run: auth, after: 'hello', on: ({ options }) => options.login !== undefined },
  MAIL: { run: mail, after: 'hello', isGrouped: true },
  RCPT: { run: rcpt, after: 'hello', isGrouped: true },
  DATA: { run: data, after: 'hello' },
  BDAT: { run: bdat },
  RSET: { run: rset, isGrouped: true },
  VRFY: { run: vrfy },
  EXPN: { run: expn },
  HELP: { run: (session) => reply(214, `2.0.0 commands: ${verbs(session).join(' ')}`) },
  NOOP: { run: noop },
  QUIT: { run: quit },
};

/** Undefined when there is no such command in this session. */
export function commandFor(verb: string, session: Session): Command | undefined {
  const command = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined;
  return command?.on?.(session) === false ? undefined : command;
}

/** Whether the reply to this line may wait for those behind it. */
export function isGrouped(line: Buffer): boolean {
  const verb = line.toString('latin1', 0, GROUPED_VERB_OCTETS).toUpperCase();
  return Object.hasOwn(COMMANDS, verb) && COMMANDS[verb]?.isGrouped === true;
}

const GROUPED_VERB_OCTETS = 4;

function verbs(session: Session): readonly string[] {
  return Object.keys(COMMANDS).filter((verb) => commandFor(verb, session) !== undefined);
}
