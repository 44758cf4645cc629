/** mutt (apt: mutt), driven by keys: reads, flags, saves and deletes mail of an account through a real cluster. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run, serverCertificate, startImapLab, without } from '../imap/programs.ts';
import { LineClient } from '../support/line-client.ts';

const skip = (await without('mutt', 'mutt', '-v')) || (await without('bsdutils', 'script', '--version'));

void t.test('mutt: flag, copy, save, delete, by STARTTLS and inside TLS', { skip }, async (t) => {
  const { imap, imaps, accounts, folder } = await startImapLab(t);
  const { login, password } = accounts[0]!;
  const client = await LineClient.connect(imap, 20_000);
  await client.line();
  await client.command('login', `LOGIN ${login} "${password}"`);
  for (const subject of ['one', 'two', 'three', 'four']) {
    const text = `From: a@b.example\r\nSubject: ${subject}\r\nDate: Fri, 2 Jan 2026 03:04:05 +0000\r\n\r\n${subject}\r\n`;
    await client.command('a', `APPEND INBOX {${text.length}+}\r\n${text}`);
  }
  const rc = join(folder, 'muttrc');
  await writeFile(
    rc,
    `set imap_user="${login}"
set imap_pass="${password}"
set ssl_starttls=yes
set ssl_force_tls=yes
set certificate_file="${await serverCertificate(imaps, folder)}"
set ssl_verify_host=no
unset ssl_verify_dates
set sort=mailbox-order
set delete=yes confirmappend=no confirmcreate=no wait_key=no move=no quit=yes
set header_cache=""
set folder="imap://${imap.host}:${imap.port}/"
`,
  );
  /** Keys as mutt's `push` takes them. `script` gives it a terminal. */
  const mutt = (url: string, keys: string) =>
    run('script', ['-qec', `mutt -n -F ${rc} -f ${url} -e 'push ${keys}'`, '/dev/null'], {
      input: '',
      env: { TERM: 'xterm', HOME: folder, LINES: '24', COLUMNS: '80' },
    });
  const at = (scheme: string, { host, port }: { host: string; port: number }) =>
    `${scheme}://${host}:${port}/INBOX`;

  const first = await mutt(
    at('imaps', imaps),
    '<first-entry><flag-message><delete-message><sync-mailbox><quit>',
  );
  t.equal(first.status, 0, first.stdout.slice(-500));
  await client.command('b', 'SELECT INBOX');
  const subjects = async (tag: string): Promise<string> =>
    (await client.command(tag, 'FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')).join(' ');
  t.match(await subjects('c'), /\* 1 FETCH \(FLAGS \([^)]*\\Flagged.*Subject: one/);
  t.notMatch(await subjects('d'), /Subject: two/, 'deleted and expunged');

  const target = `imap://${imap.host}:${imap.port}/Archive`;
  const second = await mutt(
    at('imap', imap),
    `<last-entry><save-message><kill-line>${target}<enter><sync-mailbox><quit>`,
  );
  t.equal(second.status, 0, second.stdout.slice(-500));
  await client.command('e', 'NOOP');
  t.notMatch(await subjects('f'), /Subject: four/, 'saved elsewhere, so gone here');
  t.match(await client.command('g', 'STATUS Archive (MESSAGES)'), ['* STATUS Archive (MESSAGES 1)']);
  client.close();
});
