import t from 'tap';
import { COMMANDS, commandName, execute, type Outcome, setOwnPassword } from '../../src/admin/commands.ts';
import type { Value } from '../../src/lib/dictionary/value.ts';
import { Failure, type FailureCode } from '../../src/lib/failure.ts';
import type { AuthenticatedAs } from '../../src/login/types.ts';
import { MemoryAdministration, POSTMASTER } from './memory.ts';

/** A line and what it gives: a value, `OK` for none, or a reason with a pattern of the message. */
type Play = readonly [line: string, expected: Value | readonly [reason: string, message: RegExp]];

const OK = 'done';

const ATTEMPT = { service: 'pwd', remoteHost: '127.0.0.1', localHost: '127.0.0.1', timeoutMs: 1000 };

void t.test('a day of an administrator', async (t) => {
  const admin = new MemoryAdministration();
  await play(t, admin, POSTMASTER, [
    ['LISTDOMAINS', []],
    ['CREATEDOMAIN company.com', ['invalid', /this is a cluster.*CREATEDOMAIN company.com SHARED/]],
    ['createdomain Company.COM shared', OK],
    ['CREATEDOMAIN company.com SHARED', ['failed', /exists already/]],
    ['CREATEDOMAIN "b\u00fccher.example" SHARED {}', OK],
    ['CREATEDOMAIN other.example SHARED {MailToAll=x;}', ['invalid', /no setting MailToAll/]],
    ['CREATEDOMAIN "no domain" SHARED', ['invalid', /no domain name/]],
    ['LISTDOMAINS', ['company.com', 'xn--bcher-kva.example']],
    ['CREATEACCOUNT joe@company.com {Password="s e c";RealName="Joe Doe";}', OK],
    ['CREATEACCOUNT Ann+x@COMPANY.com MultiMailbox', OK],
    ['CREATEACCOUNT joe@company.com', ['account-exists', /already exists/]],
    ['CREATEACCOUNT joe@other.com', ['unknown-domain', /unknown secondary domain/]],
    ['CREATEACCOUNT joe', ['unknown-domain', /name@domain/]],
    ['CREATEACCOUNT "a b@company.com"', ['invalid', /no account name/]],
    [
      'CREATEACCOUNT x@company.com TextMailbox',
      ['syntax', /unexpected another word; usage: CREATEACCOUNT account \[Multi/],
    ],
    ['CREATEACCOUNT x@company.com {Quota=1;}', ['invalid', /no setting Quota; known are Password, RealName/]],
    ['CREATEACCOUNT x@company.com {Password=#1;}', ['invalid', /Password: give a string/]],
    ['CREATEACCOUNT x@company.com {Password="";}', ['invalid', /empty password/]],
    [
      'LISTACCOUNTS company.com',
      new Map([
        ['ann+x', 'macnt'],
        ['joe', 'macnt'],
      ]),
    ],
    ['LISTACCOUNTS', ['unknown-domain', /give the name of a domain/]],
    ['SETACCOUNTALIASES joe@company.com (j.doe,Doe@company.com,"J.DOE")', OK],
    ['GETACCOUNTALIASES joe@company.com', ['doe', 'j.doe']],
    ['SETACCOUNTALIASES joe@company.com (ann+x)', ['account-exists', /already exists/]],
    ['SETACCOUNTALIASES joe@company.com (x@xn--bcher-kva.example)', ['invalid', /domain of its account/]],
    ['SETACCOUNTALIASES joe@company.com (#1)', ['syntax', /aliases: an array of strings/]],
    ['SETACCOUNTALIASES joe@company.com x', ['syntax', /\(aliases, ...\) expected, not another word/]],
    ['RENAMEACCOUNT joe@company.com INTO joseph', OK],
    ['RENAMEACCOUNT joe@company.com into x', ['unknown-account', /unknown user account/]],
    ['RENAMEACCOUNT joseph@company.com INTO ann+x', ['account-exists', /already exists/]],
    ['RENAMEACCOUNT joseph@company.com x', ['syntax', /INTO newName expected/]],
    ['SETACCOUNTPASSWORD joseph@company.com PASSWORD "new one"', OK],
    ['SETACCOUNTPASSWORD nobody@company.com PASSWORD x', ['unknown-account', /unknown user/]],
    ['SETACCOUNTPASSWORD joseph@company.com PASSWORD "a\\eb"', ['invalid', /control characters/]],
    [`SETACCOUNTPASSWORD joseph@company.com PASSWORD ${'x'.repeat(513)}`, ['invalid', /at most 512 octets/]],
    ['SETACCOUNTPASSWORD * PASSWORD x', ['unknown-account', /administrator of the cluster has no account/]],
    ['SETACCOUNTRIGHTS joseph@company.com (master)', OK],
    ['GETACCOUNTRIGHTS joseph@company.com', ['Master']],
    ['SETACCOUNTRIGHTS joseph@company.com (Root)', ['invalid', /no such right; known are Master/]],
    ['GETCURRENTCONTROLLER', '10.0.1.10'],
    ['DELETEACCOUNT ann+x@company.com', OK],
    ['DELETEACCOUNT ann+x@company.com', ['unknown-account', /unknown/]],
    ['DELETEDOMAIN company.com', ['failed', /has accounts; .*: DELETEDOMAIN company.com FORCE$/]],
    ['DELETEDOMAIN company.com FORCE', OK],
    ['DELETEDOMAIN company.com FORCE', ['unknown-domain', /unknown secondary/]],
    ['NOOP', OK],
    ['NOOP NOOP', ['syntax', /unexpected another word; usage: NOOP$/]],
    ['FROBNICATE', ['unknown-command', /unknown command/]],
    ['', ['unknown-command', /unknown command/]],
    ['HELP frobnicate', ['invalid', /no such command/]],
    [
      'HELP renameaccount',
      'RENAMEACCOUNT account INTO newName: give an account another name; without a domain it stays in its own',
    ],
  ]);
});

void t.test('the members of the cluster', async (t) => {
  const admin = new MemoryAdministration();
  await play(t, admin, POSTMASTER, [
    ['CLUSTER', ['unknown-command', /unknown/]],
    ['CLUSTER FROBNICATE', ['unknown-command', /unknown/]],
    ['CLUSTER MEMBERS all', ['syntax', /usage: CLUSTER MEMBERS$/]],
    ['cluster  notready', ['syntax', /member expected; usage: CLUSTER NOTREADY member/]],
    ['Cluster NotReady fe1', OK],
    ['CLUSTER NOTREADY fe2', ['invalid', /no member fe2; there are be1, fe1/]],
  ]);
  const list = await execute(admin, POSTMASTER, 'CLUSTER MEMBERS');
  const member = (name: string): Value | undefined =>
    list.kind === 'data' ? (list.value as ReadonlyMap<string, Value>).get(name) : undefined;
  t.strictSame(
    member('be1'),
    new Map([
      ['Role', 'backend'],
      ['State', 'ready'],
      ['Controller', 'YES'],
      ['Draining', 'NO'],
      ['Slots', '7'],
      ['Connections', '3'],
      ['Version', '0.1.0'],
      ['Level', '0'],
    ]),
  );
  const notReady = member('fe1') as ReadonlyMap<string, Value>;
  t.equal(notReady.get('NotReadySince'), '2026-11-20T12:00:00.000Z');
  t.equal(notReady.get('NotReadyBy'), 'postmaster');
  const level: Value = new Map<string, Value>([
    ['Level', '0'],
    ['Known', '0'],
    [
      'Members',
      new Map([
        ['be1', '0'],
        ['fe1', '0'],
      ]),
    ],
    ['Next', new Map()],
  ]);
  await play(t, admin, POSTMASTER, [
    ['CLUSTER READY fe1', OK],
    ['CLUSTER READY fe2', ['invalid', /no member fe2/]],
    ['CLUSTER LEVEL', level],
    ['CLUSTER LEVEL x', ['invalid', /a number/]],
    ['CLUSTER LEVEL 07', ['invalid', /a number/]],
    ['CLUSTER LEVEL 1', ['failed', /knows levels up to 0: install a newer version/]],
    ['HELP cluster ready', 'CLUSTER READY member: the member takes clients and slots again'],
  ]);
  admin.node.answers = false;
  await play(t, admin, POSTMASTER, [['CLUSTER NOTREADY be1', ['temporary', /controller does not answer/]]]);
});

void t.test('what a created account starts with', async (t) => {
  const admin = await withAccounts();
  await execute(admin, POSTMASTER, 'CREATEACCOUNT new@a.example {Password="p w";RealName="N";}');
  const properties = admin.accounts.get('1/new')?.properties;
  t.equal(properties?.get('password')?.toString(), 'p w');
  t.equal(
    properties?.get('settings')?.toString(),
    '{RealName=N;}',
    'the password is in the credentials only',
  );
});

void t.test('who has not the right Master acts on its own account only', async (t) => {
  const admin = await withAccounts();
  const joe: AuthenticatedAs = await admin.authenticator.verifyPassword('joe@a.example', 'pass', ATTEMPT);
  const refused = ['no-right', /right Master/] as const;
  await play(t, admin, joe, [
    ['LISTDOMAINS', refused],
    ['CREATEACCOUNT x@a.example', refused],
    ['GETACCOUNTALIASES ann@a.example', refused],
    ['SETACCOUNTPASSWORD ann@a.example PASSWORD x', refused],
    ['SETACCOUNTRIGHTS * (Master)', refused],
    ['GETCURRENTCONTROLLER', refused],
    ['CLUSTER MEMBERS', refused],
    ['CLUSTER NOTREADY be1', refused],
    ['CLUSTER READY be1', refused],
    ['CLUSTER LEVEL', refused],
    ['CLUSTER LEVEL 1', refused],
    ['CLUSTER MOVESLOT 7 TO be1', refused],
    ['GETACCOUNTALIASES *', []],
    ['SETACCOUNTPASSWORD joe@A.example PASSWORD y', ['invalid', /at least 10 octets/]],
    ['SETACCOUNTPASSWORD joe@A.example PASSWORD password12345', ['invalid', /tried first/]],
    ['SETACCOUNTPASSWORD joe@A.example PASSWORD "a word of Joe"', OK],
    ['GETACCOUNTRIGHTS *', []],
    ['MAINDOMAINNAME', ''],
    ['NOOP', OK],
  ]);
  t.equal(admin.accounts.get('1/joe')?.properties.get('password')?.toString(), 'a word of Joe');
  await play(t, admin, POSTMASTER, [['SETACCOUNTRIGHTS joe@a.example (Master)', OK]]);
  await play(t, admin, joe, [['LISTDOMAINS', ['a.example']]]);
  await play(t, admin, POSTMASTER, [['SETACCOUNTRIGHTS joe@a.example ()', OK]]);
  await play(t, admin, joe, [['LISTDOMAINS', refused]]);
});

void t.test('a session is its account, not whoever has its name by now', async (t) => {
  const admin = await withAccounts();
  const joe = await admin.authenticator.verifyPassword('joe@a.example', 'pass', ATTEMPT);
  await play(t, admin, POSTMASTER, [
    ['RENAMEACCOUNT joe@a.example INTO joseph', OK],
    ['CREATEACCOUNT joe@a.example {Password=other;}', OK],
  ]);
  const refused = ['no-right', /right Master/] as const;
  await play(t, admin, joe, [
    ['SETACCOUNTPASSWORD joe@a.example PASSWORD "a word of Joe"', refused],
    ['SETACCOUNTPASSWORD * PASSWORD "a word of Joe"', refused],
    ['GETACCOUNTALIASES joe@a.example', refused],
    ['SETACCOUNTPASSWORD nobody@a.example PASSWORD "a word of Joe"', refused],
    ['SETACCOUNTPASSWORD joseph@a.example PASSWORD "a word of Joe"', OK],
  ]);
  t.match(await setOwnPassword(admin, joe, 'another word'), { kind: 'done' });
  const password = (name: string): unknown =>
    admin.accounts.get(`1/${name}`)?.properties.get('password')?.toString();
  t.equal(password('joseph'), 'another word');
  t.equal(password('joe'), 'other');
});

void t.test('names without a domain are of the main domain', async (t) => {
  const admin = await withAccounts();
  admin.mainDomain = 'a.example';
  await play(t, admin, POSTMASTER, [
    ['MAINDOMAINNAME', 'a.example'],
    ['CREATEACCOUNT short', OK],
    [
      'LISTACCOUNTS',
      new Map([
        ['ann', 'macnt'],
        ['joe', 'macnt'],
        ['short', 'macnt'],
      ]),
    ],
  ]);
});

void t.test('a member that stands alone needs no SHARED and has no controller', async (t) => {
  const admin = new MemoryAdministration();
  admin.clustered = false;
  await play(t, admin, POSTMASTER, [
    ['CREATEDOMAIN a.example', OK],
    ['CREATEDOMAIN b.example SHARED', OK],
    ['GETCURRENTCONTROLLER', ['invalid', /stands alone/]],
  ]);
  admin.clustered = true;
  admin.hasController = false;
  await play(t, admin, POSTMASTER, [['GETCURRENTCONTROLLER', ['temporary', /no controller is heard/]]]);
});

void t.test('what failed is told apart: to be tried again, not known, for good', async (t) => {
  const admin = await withAccounts();
  const reasons: readonly (readonly [FailureCode, string])[] = [
    ['unavailable', 'temporary'],
    ['no-space', 'temporary'],
    ['moved', 'temporary'],
    ['unknown', 'unknown-outcome'],
    ['limit', 'failed'],
    ['damaged', 'failed'],
    ['not-found', 'unknown-account'],
  ];
  for (const [code, reason] of reasons) {
    admin.failure = new Failure(code, 'why');
    t.match(
      await execute(admin, POSTMASTER, 'LISTACCOUNTS a.example'),
      { kind: 'refused', reason, message: 'why' },
      code,
    );
  }
  const bug = new TypeError('x is not a function');
  admin.failure = bug;
  const outcome = await execute(admin, POSTMASTER, 'LISTACCOUNTS a.example');
  t.match(
    outcome,
    { reason: 'unknown-outcome', message: 'internal error', cause: bug },
    'no inner text for clients',
  );
});

void t.test('one sets the own password', async (t) => {
  const admin = await withAccounts();
  const joe = await admin.authenticator.verifyPassword('joe@a.example', 'pass', ATTEMPT);
  t.match(await setOwnPassword(admin, joe, 'x y'), { reason: 'invalid', message: /at least 10 octets/ });
  t.match(await setOwnPassword(admin, joe, ''), { kind: 'refused', reason: 'invalid' });
  t.match(await setOwnPassword(admin, joe, 'x y or more of it'), { kind: 'done' });
  t.match(await setOwnPassword(admin, POSTMASTER, 'not p2 but this'), { kind: 'done' });
  await t.resolves(admin.authenticator.verifyPassword('joe@a.example', 'x y or more of it', ATTEMPT));
  await t.resolves(admin.authenticator.verifyPassword('postmaster', 'not p2 but this', ATTEMPT));
});

void t.test('the table: help names every command, and a log never sees an argument', async (t) => {
  const outcome = await execute(new MemoryAdministration(), POSTMASTER, 'help');
  const lines = outcome.kind === 'data' ? (outcome.value as readonly string[]) : [];
  t.equal(lines.length, COMMANDS.size);
  for (const name of COMMANDS.keys())
    t.ok(
      lines.some((line) => line === name || line.startsWith(`${name} `)),
      name,
    );
  t.equal(commandName(' setaccountpassword joe PASSWORD x'), 'SETACCOUNTPASSWORD');
  t.equal(commandName('mypassword'), undefined);
  t.equal(commandName('constructor'), undefined);
});

async function withAccounts(): Promise<MemoryAdministration> {
  const admin = new MemoryAdministration();
  for (const line of [
    'CREATEDOMAIN a.example SHARED',
    'CREATEACCOUNT joe@a.example {Password=pass;}',
    'CREATEACCOUNT ann@a.example',
  ])
    await execute(admin, POSTMASTER, line);
  return admin;
}

async function play(
  t: Tap,
  admin: MemoryAdministration,
  who: AuthenticatedAs,
  plays: readonly Play[],
): Promise<void> {
  for (const [line, expected] of plays) {
    const outcome = await execute(admin, who, line);
    t.match(outcome, pattern(expected), line);
    if (outcome.kind === 'data') t.strictSame(outcome.value, expected, line);
  }
}

type Tap = Pick<typeof t, 'match' | 'strictSame'>;

function pattern(expected: Play[1]): object {
  if (expected === OK) return { kind: 'done' };
  if (Array.isArray(expected) && expected[1] instanceof RegExp)
    return { kind: 'refused', reason: expected[0], message: expected[1] };
  return { kind: 'data' } satisfies Partial<Outcome>;
}
