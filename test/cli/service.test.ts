/** The PWD service over connections in memory: transcripts in every cut, limits, times, ends, noise. */
import * as fc from 'fast-check';
import t from 'tap';
import { IDLE_MS, LOGIN_MS } from '../../src/cli/connection.ts';
import { createLogger } from '../../src/lib/logging.ts';
import { LINGER_MS } from '../../src/relay/client.ts';
import { Bed, settle, TLS } from './bed.ts';

/** What `Client` queues, and a piece of an answer. */
const HELD_OCTETS_MAX = (256 + 33) * 1024;

const GRACE_MS = 3000;

interface Transcript {
  readonly name: string;
  /** `C:` lines end in CR LF, `c:` lines in LF; `S:` lines may hold `*` for anything. */
  readonly lines: readonly string[];
}

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'as the Perl interface does it: LF, keywords in any case, names without quotes',
    lines: [
      'S: 200 mx.example Postern PWD Server 1.0 ready',
      'c: USER postmaster',
      'S: 300 *',
      'c: PASS secret word',
      'S: 200 login OK*',
      'c: INLINE',
      'S: 200 *',
      'c: CreateDomain company.com shared',
      'S: 200 OK',
      'c: CreateAccount joe@company.com {Password="a \\"b\\"";}',
      'S: 200 OK',
      'c: SetAccountAliases joe@company.com (doe,"j.doe")',
      'S: 200 OK',
      'c: RenameAccount joe@company.com into joseph@company.com',
      'S: 200 OK',
      'c: ListAccounts company.com',
      'S: 201 {joseph=macnt;}',
      'c: GetAccountAliases doe@company.com',
      'S: 201 (doe,"j.doe")',
      'c: QUIT',
      'S: 200 bye',
    ],
  },
  {
    name: 'without INLINE, and every code',
    lines: [
      'S: 200 *',
      'C: LISTDOMAINS',
      'S: 500 log in first*',
      'C: USER joe@a.example',
      'S: 300 *',
      'C: PASS wrong',
      'S: 515 wrong name or password',
      'C: USER postmaster',
      'S: 300 *',
      'C: PASS secret word',
      'S: 200 *',
      'C: LISTDOMAINS',
      'S: 200 data follow',
      'S: ("a.example")',
      'C: LISTACCOUNTS a.example',
      'S: 200 data follow',
      'S: {',
      'S: ann=macnt;',
      'S: joe=macnt;',
      'S: }',
      'C: LISTACCOUNTS b.example',
      'S: 512 unknown secondary domain name',
      'C: DELETEACCOUNT x@a.example',
      'S: 513 unknown user account',
      'C: CREATEACCOUNT joe@a.example',
      'S: 520 account with this name already exists',
      'C: FLY',
      'S: 500 unknown command',
      'C: CREATEACCOUNT',
      'S: 501 account expected; usage: *',
      'C: GETCURRENTCONTROLLER',
      'S: 200 data follow',
      'S: "10.0.1.10"',
      'C: NEWPASS other word',
      'S: 200 OK',
      'C: QUIT',
      'S: 200 bye',
    ],
  },
];

void t.test('transcripts, in every cut', async (t) => {
  for (const { name, lines } of TRANSCRIPTS) {
    const input = Buffer.from(
      lines
        .filter((line) => !line.startsWith('S'))
        .map((line) => line.slice(3) + (line.startsWith('C') ? '\r\n' : '\n'))
        .join(''),
    );
    const expected = lines.filter((line) => line.startsWith('S')).map((line) => line.slice(3));
    for (let cut = 0; cut <= input.length; cut++) {
      const bed = await Bed.start();
      bed.client.write(input.subarray(0, cut));
      await settle();
      bed.client.write(input.subarray(cut));
      await bed.closed;
      const mistake = compare(bed.lines(), expected);
      if (mistake !== undefined) t.fail(`${name}, cut at ${cut}: ${mistake}`);
    }
    t.pass(name);
  }
});

void t.test('a client that closes its side after the last command gets its answers', async (t) => {
  const bed = await Bed.start();
  bed.client.write(Buffer.from('USER postmaster\nPASS secret word\nLISTDOMAINS\nNOO'));
  bed.client.end();
  await bed.closed;
  t.match(bed.lines(), [/^200/, /^300/, /^200/, /^200 data/, '("a.example")']);
  t.equal(bed.listener.connections, 0);
});

void t.test('lines have a limit, a small one before the log-in', async (t) => {
  const early = await Bed.start();
  early.client.write(Buffer.from(`USER ${'x'.repeat(1100)}\n`));
  await early.closed;
  t.match(early.lines().at(-1), /^500 line too long/);
  const bed = await Bed.start();
  bed.client.write(Buffer.from('USER postmaster\nPASS secret word\n'));
  const aliases = Array.from({ length: 500 }, (_, index) => `alias${index}`);
  bed.client.write(Buffer.from(`SETACCOUNTALIASES joe@a.example (${aliases.join()})\n`));
  await settle();
  t.equal(bed.lines().at(-1), '200 OK');
  bed.client.write(Buffer.from(`${'x'.repeat(300 * 1024)}\n`));
  await bed.closed;
  t.match(bed.lines().at(-1), /^500 line too long/);
});

void t.test('times: to log in, and idle; guesses buy no time, commands do', async (t) => {
  const guessing = await Bed.start();
  await guessing.clock.advance(LOGIN_MS - 1);
  guessing.client.write(Buffer.from('USER a\nPASS b\n'));
  await guessing.clock.advance(1);
  await guessing.closed;
  t.match(guessing.lines().at(-1), /^501 idle/);
  const bed = await Bed.start();
  bed.client.write(Buffer.from('USER postmaster\nPASS secret word\n'));
  await bed.clock.advance(IDLE_MS - 1);
  bed.client.write(Buffer.from('NOOP\n'));
  await bed.clock.advance(IDLE_MS - 1);
  t.equal(bed.listener.connections, 1);
  await bed.clock.advance(1);
  await bed.closed;
  t.match(bed.lines().at(-1), /^501 idle/);
  t.equal(bed.clock.timers, 0, 'no timer is left behind');
});

void t.test('one that does not read is not fed, is ended when idle, and dropped', async (t) => {
  const bed = await Bed.start();
  bed.client.pause();
  bed.client.write(Buffer.from(`USER postmaster\nPASS secret word\n${'HELP\n'.repeat(500)}`));
  await settle();
  const held = bed.server.queuedOctets;
  t.ok(held < HELD_OCTETS_MAX, `${held} octets wait`);
  await bed.clock.advance(IDLE_MS);
  await bed.clock.advance(LINGER_MS);
  t.equal(bed.listener.connections, 0);
  const slow = await Bed.start();
  slow.client.pause();
  slow.client.write(Buffer.from(`USER postmaster\nPASS secret word\nINLINE\n${'HELP\n'.repeat(300)}QUIT\n`));
  await settle();
  slow.client.resume();
  await slow.closed;
  t.equal(slow.lines().length, 305, 'and when it reads again, everything is answered');
});

void t.test(
  'a long listing is made as the client takes it, and the next command waits for its end',
  async (t) => {
    const bed = await Bed.start();
    const names = Array.from({ length: 100_000 }, (_, index) => `account${index}`);
    bed.admin.directory.listAccounts = async () => names;
    bed.client.pause();
    bed.client.write(Buffer.from('USER postmaster\nPASS secret word\nLISTACCOUNTS a.example\nNOOP\n'));
    await settle();
    t.ok(bed.server.queuedOctets < HELD_OCTETS_MAX, `${bed.server.queuedOctets} octets wait`);
    bed.client.resume();
    while (!bed.lines().includes('}')) await settle();
    await settle();
    const lines = bed.lines();
    t.equal(lines.length, 3 + 1 + 1 + names.length + 1 + 1);
    t.strictSame(lines.slice(-2), ['}', '200 OK']);
    bed.client.pause();
    bed.client.write(Buffer.from('LISTACCOUNTS a.example\n'));
    await settle();
    await bed.clock.advance(IDLE_MS);
    await bed.clock.advance(LINGER_MS);
    t.equal(bed.listener.connections, 0, 'who does not take it is idle');
  },
);

void t.test('more connections than allowed are told so', async (t) => {
  const bed = await Bed.start({ connectionsMax: 1 });
  const second = bed.connect();
  await second.closed;
  t.match(second.lines(), [/^501 too many connections/]);
  t.equal(bed.listener.connections, 1);
  bed.client.destroy();
  await bed.closed;
  await settle();
  const third = bed.connect();
  await settle();
  t.match(third.lines(), [/^200 /]);
});

void t.test(
  'stopping lets a running command end; what does not end is dropped at the deadline',
  async (t) => {
    const bed = await Bed.start();
    const idle = bed.connect();
    let release = (): void => {};
    bed.admin.createDomain = () => new Promise((resolve) => (release = resolve));
    bed.client.write(Buffer.from('USER postmaster\nPASS secret word\nCREATEDOMAIN x.example SHARED\nNOOP\n'));
    await settle();
    const stopped = bed.listener.close(GRACE_MS);
    await idle.closed;
    await settle();
    t.match(idle.lines().at(-1), /^501 the server is stopping/);
    t.equal(bed.listener.connections, 1);
    release();
    await stopped;
    await bed.closed;
    t.match(
      bed.lines().slice(-2),
      ['200 OK', /^501 the server is stopping/],
      'and the line behind it is not begun',
    );

    const stuck = await Bed.start();
    stuck.admin.createDomain = () => new Promise(() => {});
    stuck.client.write(Buffer.from('USER postmaster\nPASS secret word\nCREATEDOMAIN x.example SHARED\n'));
    await settle();
    const ended = stuck.listener.close(GRACE_MS);
    await settle();
    await stuck.clock.advance(GRACE_MS);
    await ended;
    await settle();
    t.equal(stuck.listener.connections, 0);
  },
);

void t.test('a client that is gone before its result leaves nothing behind', async (t) => {
  const bed = await Bed.start();
  let release = (): void => {};
  bed.admin.createDomain = () => new Promise((resolve) => (release = resolve));
  bed.client.write(Buffer.from('USER postmaster\nPASS secret word\nCREATEDOMAIN x.example SHARED\n'));
  await settle();
  bed.client.destroy();
  await settle();
  release();
  await settle();
  t.equal(bed.listener.connections, 0);
  t.equal(bed.clock.timers, 0);
});

void t.test('nor does one that is gone before its password was checked', async (t) => {
  const bed = await Bed.start();
  let release = (): void => {};
  const { verifyPassword } = bed.admin.authenticator;
  bed.admin.authenticator.verifyPassword = async (...asked) => {
    await new Promise<void>((resolve) => (release = resolve));
    return verifyPassword(...asked);
  };
  bed.client.write(Buffer.from('USER postmaster\nPASS secret word\n'));
  await settle();
  bed.client.destroy();
  await settle();
  release();
  await settle();
  t.equal(bed.listener.connections, 0);
  t.equal(bed.clock.timers, 0);
});

void t.test('the log names who did what, and holds no password and no argument', async (t) => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'trace', to: { write: (line) => void lines.push(line) } });
  const bed = await Bed.start({ logger });
  const commands = [
    'SETACCOUNTPASSWORD joe@a.example PASSWORD hush1',
    'NEWPASS hush2',
    'hush3',
    'CREATEACCOUNT x hush4',
  ];
  bed.client.write(
    Buffer.from(
      `USER joe@a.example\nPASS hush0\nUSER postmaster\nPASS secret word\n${commands.join('\n')}\n`,
    ),
  );
  await settle();
  t.match(lines.join(''), /cli log-in failed.*"login":"postmaster".*SETACCOUNTPASSWORD.*NEWPASS/s);
  t.equal(lines.length, 6);
  t.notMatch(lines.join(''), /hush|secret word/);
});

void t.test('fuzz: noise before and after the log-in, and the service serves the next', async (t) => {
  const pieces = [
    'USER ',
    'PASS ',
    'secret word',
    'postmaster',
    '\n',
    '\r\n',
    '\r',
    '(',
    '{',
    '"',
    '\\',
    'LISTDOMAINS',
    'HELP ',
    'INLINE',
    '\0',
    '\xff',
    'DELETEDOMAIN a.example FORCE',
    'NEWPASS ',
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(
        fc.oneof(
          fc.constantFrom(...pieces).map((piece) => Buffer.from(piece, 'latin1')),
          fc.uint8Array({ maxLength: 6 }),
        ),
        { maxLength: 20 },
      ),
      async (loggedIn, parts) => {
        const bed = await Bed.start();
        if (loggedIn) bed.client.write(Buffer.from('USER postmaster\nPASS secret word\n'));
        for (const part of parts) bed.client.write(Buffer.from(part));
        await settle();
        bed.client.end();
        await bed.closed;
        return bed.lines().every((line) => /^\d{3} |^[({")}\w]/.test(line)) && bed.listener.connections === 0;
      },
    ),
    { numRuns: 150 },
  );
  t.end();
});

/** Undefined when the lines are as expected, where `*` stands for anything. */
function compare(found: readonly string[], expected: readonly string[]): string | undefined {
  for (const [index, pattern] of expected.entries()) {
    const line = found[index];
    const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
    if (line === undefined || !new RegExp(`^${parts.join('.*')}$`).test(line))
      return `${line} for ${pattern}`;
  }
  return found.length === expected.length ? undefined : `${found.length} lines for ${expected.length}`;
}

void t.test('without TLS no password crosses a network: other machines are sent away', async (t) => {
  const bed = await Bed.start();
  const remote = bed.connect('192.0.2.7');
  await settle();
  t.same(remote.lines(), ['501 log in with TLS, or from this machine, for example through ssh']);
  await remote.closed;
  const mapped = bed.connect('::ffff:127.0.0.1');
  await settle();
  t.match(mapped.lines(), [/^200 /]);
});

void t.test('inside TLS another machine may log in, and the log-in says where it comes from', async (t) => {
  const bed = await Bed.start();
  const attempts: unknown[] = [];
  const { verifyPassword } = bed.admin.authenticator;
  bed.admin.authenticator.verifyPassword = (login, password, attempt) => {
    attempts.push(attempt);
    return verifyPassword(login, password, attempt);
  };
  const remote = bed.connect('192.0.2.7', TLS);
  remote.client.write(Buffer.from('USER postmaster\nPASS secret word\n'));
  await settle();
  t.match(remote.lines(), [/^200 /, /^300 /, /^200 login OK/]);
  t.match(attempts, [{ service: 'pwd', remoteHost: '192.0.2.7', timeoutMs: 10_000 }]);
});
