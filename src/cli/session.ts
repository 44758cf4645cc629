/**
 * One PWD session as a state machine (shared facts: communigate.md, section 3.1): lines and results in, answers and
 * work out. No I/O, no clock: the connection performs the effects and feeds the results back, one at a time. While work is
 * under way it feeds nothing else.
 *
 * Invariants: nothing but USER, PASS, NOOP, INLINE and QUIT is done before log-in; an unknown account and a
 * wrong password get the same answer; LOGIN_FAILURES_MAX failures end the session; after `close` nothing is sent.
 */
import type { Outcome } from '../admin/commands.ts';
import type { FailureCode } from '../lib/failure.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import { answer, answerOutcome, CODE } from './codec.ts';
import type { CommandLine } from './lines.ts';

export const LOGIN_FAILURES_MAX = 3;

export type Session = {
  readonly host: string;
  readonly version: string;
  readonly phase: Phase;
  /** Data on the line of the answer. */
  readonly inline: boolean;
  /** Log-ins that failed. */
  readonly failures: number;
};

type Phase =
  | { readonly kind: 'login'; readonly user: string | undefined }
  | { readonly kind: 'checking' }
  | { readonly kind: 'ready'; readonly who: AuthenticatedAs }
  | { readonly kind: 'running'; readonly who: AuthenticatedAs }
  | { readonly kind: 'closed' };

export type Input =
  | { readonly kind: 'connected' }
  /** Others could hear a password on the connection. */
  | { readonly kind: 'unsafe' }
  /** What the client sent, or that it is no line of this protocol. */
  | CommandLine
  | { readonly kind: 'authenticated'; readonly who: AuthenticatedAs }
  | { readonly kind: 'not-authenticated'; readonly code: FailureCode | undefined }
  | { readonly kind: 'executed'; readonly outcome: Outcome }
  /** Nothing came for too long. */
  | { readonly kind: 'idle' }
  /** The server stops. */
  | { readonly kind: 'stopping' };

export type Effect =
  | { readonly kind: 'send'; readonly text: string }
  /** Piece by piece, as the client takes them; nothing is fed before the last. */
  | { readonly kind: 'send-all'; readonly pieces: Iterable<string> }
  /** Answered by `authenticated` or `not-authenticated`. */
  | { readonly kind: 'authenticate'; readonly login: string; readonly password: string }
  /** Answered by `executed`. */
  | { readonly kind: 'execute'; readonly who: AuthenticatedAs; readonly line: string }
  | { readonly kind: 'set-own-password'; readonly who: AuthenticatedAs; readonly password: string }
  | { readonly kind: 'close' };

export type Stepped = readonly [Session, readonly Effect[]];

export function newSession(host: string, version: string): Session {
  return { host, version, phase: { kind: 'login', user: undefined }, inline: false, failures: 0 };
}

export function isLoggedIn(session: Session): boolean {
  return session.phase.kind === 'ready' || session.phase.kind === 'running';
}

export function step(session: Session, input: Input): Stepped {
  if (session.phase.kind === 'closed') return [session, []];
  switch (input.kind) {
    case 'connected':
      // No <token@host> in it: that would offer APOP, which needs the password in the clear on our side.
      return [session, [send(CODE.ok, `${session.host} Postern PWD Server ${session.version} ready`)]];
    case 'unsafe':
      return end(session, CODE.failed, 'log in with TLS, or from this machine, for example through ssh');
    case 'line':
      return line(session, input.text);
    case 'bad-line':
      return end(session, CODE.unknownCommand, input.why);
    case 'authenticated':
      return authenticated(session, input.who);
    case 'not-authenticated':
      return notAuthenticated(session, input.code);
    case 'executed':
      return executed(session, input.outcome);
    case 'idle':
      return end(session, CODE.failed, 'idle for too long, closing');
    case 'stopping':
      return end(session, CODE.failed, 'the server is stopping, closing');
  }
}

function line(session: Session, text: string): Stepped {
  const { phase } = session;
  if (phase.kind !== 'login' && phase.kind !== 'ready') throw new Error('a line was fed to a busy session');
  const [verb, rest] = split(text);
  if (verb === '') return [session, [send(CODE.unknownCommand, 'a command expected')]];
  if (verb === 'QUIT') return end(session, CODE.ok, 'bye');
  if (verb === 'INLINE') return [{ ...session, inline: true }, [send(CODE.ok, 'inline mode is on')]];
  return phase.kind === 'login'
    ? loginLine(session, phase.user, verb, rest)
    : readyLine(session, phase.who, verb, text, rest);
}

function loginLine(session: Session, user: string | undefined, verb: string, rest: string): Stepped {
  if (verb === 'USER') {
    const login = rest.trim();
    if (login === '') return [session, [send(CODE.failed, 'USER needs a name')]];
    return [
      { ...session, phase: { kind: 'login', user: login } },
      [send(CODE.moreInput, 'please send the PASS')],
    ];
  }
  if (verb === 'PASS') {
    if (user === undefined) return [session, [send(CODE.failed, 'USER comes before PASS')]];
    // The password is the rest of the line as it stands, spaces and quotes too.
    return [
      { ...session, phase: { kind: 'checking' } },
      [{ kind: 'authenticate', login: user, password: rest }],
    ];
  }
  if (verb === 'NOOP') return [session, [send(CODE.ok, 'OK')]];
  return [session, [send(CODE.unknownCommand, 'log in first: USER, then PASS')]];
}

function readyLine(
  session: Session,
  who: AuthenticatedAs,
  verb: string,
  text: string,
  rest: string,
): Stepped {
  const running: Session = { ...session, phase: { kind: 'running', who } };
  if (verb === 'USER' || verb === 'PASS') return [session, [send(CODE.failed, 'you are logged in already')]];
  if (verb === 'NEWPASS') return [running, [{ kind: 'set-own-password', who, password: rest }]];
  return [running, [{ kind: 'execute', who, line: text }]];
}

function authenticated(session: Session, who: AuthenticatedAs): Stepped {
  assertPhase(session, 'checking');
  return [{ ...session, phase: { kind: 'ready', who } }, [send(CODE.ok, 'login OK, proceed')]];
}

function notAuthenticated(session: Session, code: FailureCode | undefined): Stepped {
  assertPhase(session, 'checking');
  const again: Session = { ...session, phase: { kind: 'login', user: undefined } };
  // The password was not looked at: it does not count.
  if (code === 'limit') return [again, [send(CODE.failed, 'too many log-ins, try again later')]];
  // Nor does what is no guess at a password, and not the client's fault.
  if (code !== 'refused' && code !== 'not-found' && code !== 'invalid')
    return [again, [send(CODE.failed, 'cannot check the password now, try again later')]];
  const failures = session.failures + 1;
  if (failures >= LOGIN_FAILURES_MAX)
    return end(session, CODE.badPassword, 'wrong name or password, too often');
  return [{ ...again, failures }, [send(CODE.badPassword, 'wrong name or password')]];
}

function executed(session: Session, outcome: Outcome): Stepped {
  assertPhase(session, 'running');
  const { phase } = session;
  const ready: Session =
    phase.kind === 'running' ? { ...session, phase: { kind: 'ready', who: phase.who } } : session;
  return [ready, [{ kind: 'send-all', pieces: answerOutcome(outcome, session.inline) }]];
}

function end(session: Session, code: number, text: string): Stepped {
  return [{ ...session, phase: { kind: 'closed' } }, [send(code, text), { kind: 'close' }]];
}

function send(code: number, text: string): Effect {
  return { kind: 'send', text: answer(code, text) };
}

function split(text: string): readonly [verb: string, rest: string] {
  const found = /^[ \t]*([^ \t]*)[ \t]?([^]*)$/.exec(text);
  return [(found?.[1] ?? '').toUpperCase(), found?.[2] ?? ''];
}

function assertPhase(session: Session, kind: Phase['kind']): void {
  if (session.phase.kind !== kind) throw new Error(`not ${kind} but ${session.phase.kind}`);
}
