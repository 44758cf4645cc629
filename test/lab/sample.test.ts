/** The sample domains that the demo imports. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { readSample } from '../../src/lab/sample.ts';

const SAMPLE = fileURLToPath(new URL('../../SharedDomains-sample', import.meta.url));

async function sampleWith(t: Test, settings: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-sample-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const account = join(directory, 'one.example', 'ann.macnt');
  await mkdir(join(account, 'INBOX'), { recursive: true });
  await writeFile(join(account, 'account.settings'), settings);
  for (const name of ['10.eml', '9.eml', 'notes.txt']) await writeFile(join(account, 'INBOX', name), name);
  return directory;
}

void t.test('our own: two domains, accounts with passwords and mail', async (t) => {
  const domains = await readSample(SAMPLE);
  t.equal(domains.length, 2);
  const accounts = domains.flatMap((domain) => domain.accounts);
  t.ok(accounts.some(({ aliases }) => aliases.length > 0));
  for (const { name, password, mailboxes } of accounts) {
    t.ok(password.length >= 8, name);
    t.ok(
      mailboxes.some((mailbox) => mailbox.name === 'INBOX' && mailbox.messages.length > 0),
      name,
    );
  }
  for (const message of accounts.flatMap(({ mailboxes }) => mailboxes).flatMap(({ messages }) => messages))
    t.notMatch(message.toString('latin1'), /[^\r]\n/, 'lines end with CRLF');
});

void t.test('messages in the order of their numbers; other files are none', async (t) => {
  const [domain] = await readSample(await sampleWith(t, '{ Password = "x y"; Aliases = (a, b); }'));
  t.same(domain, {
    name: 'one.example',
    accounts: [
      {
        name: 'ann',
        password: 'x y',
        realName: undefined,
        aliases: ['a', 'b'],
        mailboxes: [{ name: 'INBOX', messages: [Buffer.from('9.eml'), Buffer.from('10.eml')] }],
      },
    ],
  });
});

for (const [name, text] of [
  ['broken', '{ Password = '],
  ['no dictionary', '(a)'],
  ['no password', '{ RealName = x; }'],
] as const)
  void t.test(`settings that are ${name} are refused by name`, async (t) => {
    await t.rejects(readSample(await sampleWith(t, text)), {
      code: 'invalid',
      message: /ann\.macnt\/account\.settings/,
    });
  });
