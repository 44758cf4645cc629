/** mbsync (apt: isync): a Maildir and an account kept the same both ways: messages, flags, expunges, mailboxes. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run, serverCertificate, startImapLab, without } from '../imap/programs.ts';
import { LineClient } from '../support/line-client.ts';

const skip = await without('isync', 'mbsync', '--version');

void t.test('mbsync: both ways', { skip }, async (t) => {
  const { imap, imaps, accounts, folder } = await startImapLab(t);
  const { login, password } = accounts[0]!;
  const maildir = join(folder, 'mail');
  const rc = join(folder, 'mbsyncrc');
  await mkdir(maildir);
  await writeFile(
    rc,
    `IMAPAccount lab
Host ${imaps.host}
Port ${imaps.port}
User ${login}
Pass "${password}"
SSLType IMAPS
CertificateFile ${await serverCertificate(imaps, folder)}

IMAPStore far
Account lab

MaildirStore near
Path ${maildir}/
Inbox ${maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Remove Both
SyncState *
`,
  );
  const sync = async (what: string): Promise<void> => {
    const { status, stderr } = await run('mbsync', ['--config', rc, '--all'], { env: { HOME: folder } });
    t.equal(status, 0, `${what}: ${stderr}`);
  };
  const inbox = async (): Promise<string[]> => {
    const names = await Promise.all(
      ['cur', 'new'].map(async (part) =>
        (await readdir(join(maildir, 'INBOX', part))).map((name) => join(maildir, 'INBOX', part, name)),
      ),
    );
    return names.flat();
  };
  const bySubject = async (subject: string): Promise<string | undefined> => {
    for (const path of await inbox())
      if ((await readFile(path, 'latin1')).includes(`Subject: ${subject}`)) return path;
    return undefined;
  };
  const client = await LineClient.connect(imap, 20_000);
  await client.line();
  await client.command('login', `LOGIN ${login} "${password}"`);

  for (const [subject, flags] of [
    ['one', ''],
    ['two', '(\\Seen \\Flagged) '],
    ['three', ''],
  ] as const) {
    const text = `Subject: ${subject}\r\n\r\n${subject}\r\n`;
    await client.command('a', `APPEND INBOX ${flags}{${text.length}+}\r\n${text}`);
  }
  await client.command('b', 'CREATE Projects/2026');
  await sync('first');
  t.equal((await inbox()).length, 3);
  t.match(await bySubject('two'), /:2,FS$/, 'flags came with it');
  t.ok((await readdir(join(maildir, 'Projects'))).includes('2026'), 'mailboxes came');

  // Here: a new message, a flag, a removal. There: a flag, a removal.
  await writeFile(join(maildir, 'INBOX', 'new', '1.1.here'), 'Subject: four\n\nfrom here\n');
  const one = (await bySubject('one'))!;
  await rename(
    one,
    join(maildir, 'INBOX', 'cur', `${one.slice(one.lastIndexOf('/') + 1).replace(/:2,.*$/, '')}:2,RS`),
  );
  const three = (await bySubject('three'))!;
  await rm(three);
  await client.command('c', 'SELECT INBOX');
  await client.command('d', 'STORE 2 -FLAGS (\\Flagged)');
  await sync('second');
  await client.command('n', 'NOOP');
  const flags = await client.command('e', 'UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])');
  const all = flags.join(' ');
  t.match(all, /UID 1 FLAGS \((?=[^)]*\\Answered)(?=[^)]*\\Seen)/, 'a flag went there');
  t.match(all, /Subject: four/, 'a message went there');
  t.notMatch(all, /Subject: three/, 'a removal went there');
  t.notMatch(await bySubject('two'), /F[^/]*$/, 'a flag came here');

  await client.command('f', 'UID STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.command('g', 'EXPUNGE');
  await sync('third');
  t.equal(await bySubject('one'), undefined, 'a removal came here');
  t.ok(await bySubject('four'));
  const before = (await inbox()).toSorted();
  await sync('fourth');
  t.same((await inbox()).toSorted(), before, 'nothing left to do');
  client.close();
});
