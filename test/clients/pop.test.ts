/**
 * POP3 clients that we did not write: Python's poplib (apt: python3), curl, fetchmail, against a server in this process;
 * and poplib through a real cluster while a backend is killed.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type Ran, run, without } from '../imap/programs.ts';
import { PASSWORD, PopBed, USER } from '../pop/bed.ts';
import { serverTls } from '../support/certificates.ts';
import { Lab } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';

const TIMEOUT_MS = 60_000;
const TLS = await serverTls('localhost');

const MAIL = [
  'Subject: one\r\n\r\nfirst\r\n',
  'Subject: two\r\n\r\n.\r\n..\r\n.dot\r\n\r\nend\r\n',
  `Subject: three\r\n\r\n${'long line of a long message\r\n'.repeat(20_000)}`,
];

const noPython = await without('python3', 'python3', '-c', 'import poplib, ssl');
const noCurl = await without('curl', 'curl', '--version');
const noFetchmail = await without('fetchmail', 'fetchmail', '--version');

const PYTHON = `
import poplib, ssl, sys, json
host, port, user, password, mode = sys.argv[1:6]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
if mode == 'implicit': pop = poplib.POP3_SSL(host, int(port), context=context)
else:
    pop = poplib.POP3(host, int(port))
    if mode == 'stls': pop.stls(context)
pop.user(user)
pop.pass_(password)
text = lambda lines: b'\\r\\n'.join(lines).decode('latin1') + '\\r\\n'
`;

function python(
  where: { host: string; port: number },
  login: string,
  password: string,
  mode: string,
  script: string,
) {
  const { host, port } = where;
  return run('python3', ['-c', PYTHON + script, host, String(port), login, password, mode]);
}

const DAY = `
print(json.dumps([
  list(pop.stat()), [each.decode() for each in pop.list()[1]], [each.decode() for each in pop.uidl()[1]],
  [text(pop.retr(number)[1]) for number in (1, 2, 3)], text(pop.top(2, 1)[1]), sorted(pop.capa()),
]))
pop.dele(1)
pop.rset()
pop.dele(2)
pop.quit()
`;

for (const mode of ['clear', 'stls', 'implicit'])
  void t.test(`poplib: a day of mail, ${mode}`, { skip: noPython }, async (t) => {
    const bed = await PopBed.start(t, { tls: TLS, implicit: mode === 'implicit' });
    await bed.append(...MAIL);
    const { status, stdout, stderr } = await python(bed.listener.address, USER, PASSWORD, mode, DAY);
    t.equal(status, 0, stderr);
    const sizes = MAIL.map(({ length }) => length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const [stat, list, uidl, retr, top, capa] = JSON.parse(stdout) as unknown[];
    t.same(stat, [3, total]);
    t.same(
      list,
      sizes.map((size, index) => `${index + 1} ${size}`),
    );
    t.same(
      uidl,
      [1, 2, 3].map((uid) => `${uid} ${bed.uidValidity}.${uid}`),
    );
    t.same(retr, MAIL);
    t.equal(top, 'Subject: two\r\n\r\n.\r\n');
    t.match(capa, ['AUTH-RESP-CODE', 'EXPIRE', 'IMPLEMENTATION', 'LANG', 'PIPELINING', 'RESP-CODES', 'SASL']);
    t.same(bed.inbox, ['1 \\Seen', '3 \\Seen']);
  });

void t.test('curl: LIST, RETR, UIDL and DELE, with each way to log in', { skip: noCurl }, async (t) => {
  const bed = await PopBed.start(t, { tls: TLS });
  await bed.append(...MAIL);
  const { host, port } = bed.listener.address;
  const curl = (path: string, ...args: readonly string[]): Promise<Ran> =>
    run('curl', ['-sS', '-k', '-u', `${USER}:${PASSWORD}`, ...args, `pop3://${host}:${port}/${path}`]);
  const sizes = MAIL.map(({ length }, index) => `${index + 1} ${length}\r\n`).join('');
  for (const options of [
    ['--ssl-reqd', '--login-options', 'AUTH=PLAIN'],
    ['--ssl-reqd', '--login-options', 'AUTH=LOGIN'],
    ['--sasl-ir', '--login-options', 'AUTH=PLAIN'],
  ]) {
    const { stdout, stderr } = await curl('', ...options);
    t.equal(stdout, sizes, `${options.join(' ')} ${stderr}`);
  }
  t.equal((await curl('3', '--ssl-reqd', '--login-options', 'AUTH=PLAIN')).stdout, MAIL[2]);
  t.match(
    (await curl('', '-X', 'UIDL', '--login-options', 'AUTH=PLAIN')).stdout,
    `1 ${bed.uidValidity}.1\r\n`,
  );
  t.equal((await curl('2', '-X', 'DELE', '-l', '--login-options', 'AUTH=PLAIN')).status, 0);
  t.same(bed.inbox, ['1', '3 \\Seen']);
  t.not((await curl('9', '--login-options', 'AUTH=PLAIN')).status, 0, 'no such message');
});

void t.test(
  'fetchmail: fetches all, deletes them, and finds nothing the second time',
  { skip: noFetchmail },
  async (t) => {
    const bed = await PopBed.start(t, { tls: TLS });
    await bed.append(...MAIL);
    const folder = await mkdtemp(join(tmpdir(), 'postern-fetchmail-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const { host, port } = bed.listener.address;
    const rc = join(folder, 'rc');
    await writeFile(
      rc,
      `poll ${host} protocol pop3 port ${port} uidl user "${USER}" password "${PASSWORD}" sslproto "tls1.2+" no sslcertck mda "cat >> ${folder}/mbox" fetchall\n`,
    );
    await chmod(rc, 0o600);
    const fetch = (): Promise<Ran> =>
      run('fetchmail', [
        '-f',
        rc,
        '--nosyslog',
        '-i',
        join(folder, 'ids'),
        '--pidfile',
        join(folder, 'pid'),
        '--invisible',
        '--norewrite',
      ]);
    const { status, stdout, stderr } = await fetch();
    t.equal(status, 0, stdout + stderr);
    const mbox = await readFile(join(folder, 'mbox'), 'latin1');
    for (const subject of ['one', 'two', 'three']) t.match(mbox, `Subject: ${subject}`);
    t.match(mbox, /\n\.\n\.\.\n\.dot\n/, 'dots are as they were');
    t.same(bed.inbox, []);
    t.equal((await fetch()).status, 1, 'no mail');
  },
);

/** One message over LMTP. */
async function deliver(lab: Lab, to: string, content: string): Promise<void> {
  const client = await LineClient.connect(await lab.service('fe1', 'lmtp'), TIMEOUT_MS);
  await client.reply();
  for (const line of ['LHLO test', 'MAIL FROM:<>', `RCPT TO:<${to}>`, 'DATA']) {
    client.send(`${line}\r\n`);
    await client.reply();
  }
  client.send(`${content}.\r\n`);
  const answer = await client.reply();
  client.close();
  if (!answer.startsWith('250')) throw new Error(answer);
}

const OVER_A_KILL = `
before = [each.decode() for each in pop.uidl()[1]]
pop.dele(1)
print('ready', flush=True)
sys.stdin.readline()
print(json.dumps([before, [each.decode() for each in pop.uidl()[1]], text(pop.retr(2)[1]).endswith('body 2\\r\\n')]))
pop.quit()
`;

void t.test('poplib: a session goes on while its backend is killed', { skip: noPython }, async (t) => {
  const lab = await Lab.start(['--backends', '2', '--frontends', '1', '--accounts', '1']);
  t.teardown(() => lab.stop());
  const { accounts, members } = await lab.file();
  const { login, password } = accounts[0]!;
  for (const service of ['pop3', 'pop3s'])
    t.ok(members.find(({ name }) => name === 'fe1')?.services[service], `the lab has ${service}`);
  for (const each of [1, 2, 3]) await deliver(lab, login, `Subject: ${each}\r\n\r\nbody ${each}\r\n`);
  const { host, port } = await lab.service('fe1', 'pop3');
  const child = execFile(
    'python3',
    ['-c', PYTHON + OVER_A_KILL, host, String(port), login, password, 'stls'],
    { timeout: TIMEOUT_MS },
  );
  let output = '';
  const ready = Promise.withResolvers<void>();
  child.stdout!.on('data', (text: string) => {
    output += text;
    if (output.startsWith('ready')) ready.resolve();
  });
  const errors: string[] = [];
  child.stderr!.on('data', (text: string) => errors.push(text));
  const over = new Promise<number | null>((resolve) => child.on('exit', resolve));
  void over.then(() => ready.resolve());
  await ready.promise;
  // One of the two is the owner; after both have been away it has changed at least once.
  for (const backend of ['be1', 'be2']) {
    await lab.act('kill', backend);
    await lab.act('start', backend);
  }
  child.stdin!.end('\n');
  t.equal(await over, 0, errors.join(''));
  const [before, after, hasBody] = JSON.parse(output.slice('ready\n'.length) || '[]') as [
    string[],
    string[],
    boolean,
  ];
  t.equal(before?.length, 3);
  t.same(after, before?.slice(1), 'the same numbers, without what was marked');
  t.ok(hasBody);
  const left = await python({ host, port }, login, password, 'clear', 'print(pop.stat()[0])\npop.quit()\n');
  t.equal(left.stdout.trim(), '2', left.stderr);
});
