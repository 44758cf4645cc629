import t from 'tap';
import {
  type Effect,
  type Input,
  isLoggedIn,
  LOGIN_FAILURES_MAX,
  newSession,
  type Session,
  step,
} from '../../src/cli/session.ts';
import type { AuthenticatedAs } from '../../src/login/types.ts';

const JOE: AuthenticatedAs = { kind: 'account', login: 'joe@a.example', object: undefined };

/** Feeds inputs; gives the session and the effects of the last. */
function feed(
  inputs: readonly (Input | string)[],
  from = newSession('mx.example', '1.0'),
): [Session, readonly Effect[]] {
  let session = from;
  let effects: readonly Effect[] = [];
  for (const input of inputs)
    [session, effects] = step(session, typeof input === 'string' ? { kind: 'line', text: input } : input);
  return [session, effects];
}

const LOGGED_IN: readonly (Input | string)[] = ['USER joe', 'PASS x', { kind: 'authenticated', who: JOE }];

function sent(inputs: readonly (Input | string)[]): string {
  return feed(inputs)[1]
    .map((effect) => {
      if (effect.kind === 'send-all') return [...effect.pieces].join('');
      return effect.kind === 'send' ? effect.text : `<${effect.kind}>`;
    })
    .join('');
}

void t.test('the greeting offers no APOP: it has no <token>', (t) => {
  t.match(sent([{ kind: 'connected' }]), /^200 mx.example Postern PWD Server 1.0 ready\r\n$/);
  t.end();
});

void t.test('where others could hear it, no password is asked for', (t) => {
  t.match(sent([{ kind: 'unsafe' }]), /^501 log in with TLS, or from this machine.*\r\n<close>$/);
  t.end();
});

void t.test('logging in', (t) => {
  t.match(sent(['USER joe']), /^300 /);
  t.match(sent(['USER  ']), /^501 USER needs a name/);
  t.match(sent(['PASS x']), /^501 USER comes before PASS/);
  t.strictSame(feed(['user  Joe@a.example ', 'pass  two  words" '])[1], [
    { kind: 'authenticate', login: 'Joe@a.example', password: ' two  words" ' },
  ]);
  t.match(sent(LOGGED_IN), /^200 login OK/);
  t.match(sent([...LOGGED_IN, 'USER x']), /^501 you are logged in already/);
  for (const line of ['LISTDOMAINS', 'HELP', 'NEWPASS x', 'APOP a b', 'STLS'])
    t.match(sent([line]), /^500 log in first/, line);
  t.match(sent(['NOOP']), /^200 OK/);
  t.match(sent(['']), /^500 a command expected/);
  t.end();
});

void t.test(
  'a wrong password counts, a failure of ours does not, and names are not told from passwords',
  (t) => {
    const attempt = (
      code: 'refused' | 'not-found' | 'unavailable' | 'limit' | undefined,
    ): readonly (Input | string)[] => ['USER joe', 'PASS x', { kind: 'not-authenticated', code }];
    t.match(sent(attempt('refused')), /^515 wrong name or password\r\n$/);
    t.equal(sent(attempt('not-found')), sent(attempt('refused')));
    t.match(sent(attempt('unavailable')), /^501 cannot check/);
    t.match(sent(attempt('limit')), /^501 too many log-ins, try again later/);
    t.match(sent([...attempt('refused'), 'PASS y']), /^501 USER comes before/, 'the name is asked for again');
    const tries = Array.from({ length: LOGIN_FAILURES_MAX - 1 }, () => attempt('refused')).flat();
    t.match(sent([...tries, ...attempt('limit'), ...attempt(undefined)]), /^501 /);
    t.match(sent([...tries, ...attempt('limit'), ...attempt('refused')]), /^515 .*too often\r\n<close>$/);
    t.end();
  },
);

void t.test('commands run one at a time', (t) => {
  const [running, effects] = feed([...LOGGED_IN, 'listdomains']);
  t.strictSame(effects, [{ kind: 'execute', who: JOE, line: 'listdomains' }]);
  t.ok(isLoggedIn(running));
  t.throws(() => feed(['NOOP'], running), /busy/);
  const done: Input = { kind: 'executed', outcome: { kind: 'data', value: ['a'] } };
  t.match(sent([...LOGGED_IN, 'LISTDOMAINS', done]), /^200 data follow\r\n\(a\)\r\n$/);
  t.match(sent([...LOGGED_IN, 'INLINE', 'LISTDOMAINS', done]), /^201 \(a\)\r\n$/);
  t.match(sent(['INLINE', ...LOGGED_IN, 'LISTDOMAINS', done]), /^201 /, 'INLINE before the log-in holds');
  t.strictSame(feed([...LOGGED_IN, 'NEWPASS a b'])[1], [
    { kind: 'set-own-password', who: JOE, password: 'a b' },
  ]);
  t.end();
});

void t.test('ends: QUIT, what is no line, idleness, the server stopping; then silence', (t) => {
  t.match(sent(['QUIT']), /^200 bye\r\n<close>$/);
  t.match(sent([...LOGGED_IN, 'quit']), /^200 bye\r\n<close>$/);
  t.match(sent([{ kind: 'bad-line', why: 'line too long' }]), /^500 line too long\r\n<close>$/);
  t.match(sent([{ kind: 'idle' }]), /^501 idle.*\r\n<close>$/);
  t.match(sent([...LOGGED_IN, { kind: 'stopping' }]), /^501 the server is stopping.*\r\n<close>$/);
  const late: Input = { kind: 'executed', outcome: { kind: 'done' } };
  t.equal(sent([...LOGGED_IN, 'NOOP', { kind: 'stopping' }, late, 'NOOP']), '');
  t.throws(() => feed([late]), /not running but login/, 'a result nobody waits for is a mistake of ours');
  t.end();
});
