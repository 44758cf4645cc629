/** curl's IMAP (apt: curl), in the clear, by STARTTLS and inside TLS, through a real cluster. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run, startImapLab, without } from '../imap/programs.ts';

const skip = await without('curl', 'curl', '--version');

void t.test('curl: append, list, search, fetch, store, delete', { skip }, async (t) => {
  const { imap, imaps, accounts, folder } = await startImapLab(t);
  const { login, password } = accounts[0]!;
  const curl = (url: string, ...args: readonly string[]) =>
    run('curl', ['--silent', '--show-error', '--insecure', '--user', `${login}:${password}`, ...args, url]);
  const clear = `imap://${imap.host}:${imap.port}`;
  const tls = `imaps://${imaps.host}:${imaps.port}`;
  const message = 'From: a@b.example\r\nSubject: from curl\r\n\r\nbody of curl\r\n';

  const file = join(folder, 'message.eml');
  await writeFile(file, message);
  const appended = await curl(`${tls}/INBOX`, '--upload-file', file);
  t.same([appended.status, appended.stderr], [0, ''], 'append inside TLS');
  const doors: readonly (readonly [string, readonly string[]])[] = [
    [clear, []],
    [clear, ['--ssl-reqd']],
    [tls, []],
    [clear, ['--login-options', 'AUTH=PLAIN']],
    [clear, ['--login-options', 'AUTH=LOGIN', '--ssl-reqd']],
    [tls, ['--sasl-ir']],
    [tls, ['--tls-max', '1.2']],
  ];
  for (const [url, args] of doors) {
    const fetched = await curl(`${url}/INBOX;UID=1`, ...args);
    t.same([fetched.status, fetched.stdout], [0, message], `${url} ${args.join(' ')}`);
  }
  t.match((await curl(tls)).stdout, /^\* LIST \([^)]*\) "\/" INBOX\r$/m);
  t.equal((await curl(`${tls}/INBOX?SUBJECT%20curl`)).stdout, '* SEARCH 1\r\n');
  t.match((await curl(`${tls}/INBOX;UID=1;SECTION=TEXT`)).stdout, /^body of curl/);
  t.equal((await curl(`${tls}/INBOX`, '--request', 'STORE 1 +FLAGS (\\Deleted)')).status, 0);
  t.match((await curl(`${tls}/INBOX`, '--request', 'EXPUNGE')).stdout, /^\* 1 EXPUNGE\r$/m);
  t.match((await curl(tls, '--request', 'STATUS INBOX (MESSAGES)')).stdout, /MESSAGES 0/);
  const stranger = await run('curl', ['-sS', '-k', '--user', `${login}:wrong`, `${tls}/INBOX`]);
  t.equal(stranger.status, 67, 'CURLE_LOGIN_DENIED');
});
