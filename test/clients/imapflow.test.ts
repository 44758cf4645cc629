/** A day's work of a client that we did not write. */
import { ImapFlow } from 'imapflow';
import t from 'tap';
import { ImapBed, PASSWORD, USER } from '../imap/bed.ts';

const MULTIPART = [
  'From: Ann <ann@b.example>',
  'To: Joe <joe@lab.example>',
  'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=',
  'Date: Fri, 2 Jan 2026 03:04:05 +0000',
  'Message-ID: <1@b.example>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=x',
  '',
  '--x',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Sch=C3=B6n',
  '--x',
  'Content-Type: application/pdf; name=a.pdf',
  'Content-Disposition: attachment; filename=a.pdf',
  'Content-Transfer-Encoding: base64',
  '',
  'JVBERi0=',
  '--x--',
  '',
].join('\r\n');

void t.test('imapflow: a day of mail', async (t) => {
  const bed = await ImapBed.start(t);
  const { host, port } = bed.listener.address;
  const client = new ImapFlow({
    host,
    port,
    secure: false,
    auth: { user: USER, pass: PASSWORD },
    logger: false,
  });
  await client.connect();

  await client.mailboxCreate(['Arbeit', 'Über uns']);
  await client.mailboxSubscribe('Arbeit/Über uns');
  const names = (await client.list()).map(({ path }) => path);
  for (const name of ['INBOX', 'Sent', 'Trash', 'Arbeit', 'Arbeit/Über uns'])
    t.ok(names.includes(name), name);

  const appended = await client.append('INBOX', MULTIPART, ['\\Flagged'], new Date(Date.UTC(2026, 0, 2)));
  t.match(appended, { uid: 1 });
  await client.append('INBOX', 'Subject: second\r\n\r\nbody\r\n');
  t.match(await client.status('INBOX', { messages: true, unseen: true, uidNext: true }), {
    messages: 2,
    unseen: 2,
    uidNext: 3,
  });

  const lock = await client.getMailboxLock('INBOX');
  const first = await client.fetchOne('1', {
    uid: true,
    envelope: true,
    bodyStructure: true,
    flags: true,
    internalDate: true,
    size: true,
  });
  if (!first) throw new Error('message 1 is not there');
  t.equal(first.envelope?.subject, 'Grüße');
  t.equal(first.envelope?.from?.[0]?.address, 'ann@b.example');
  t.equal(first.size, MULTIPART.length);
  t.equal(first.bodyStructure?.childNodes?.[1]?.disposition, 'attachment');
  t.same([...first.flags!], ['\\Flagged', '\\Recent']);
  const part = await client.download('1', '1');
  const chunks: Buffer[] = [];
  for await (const chunk of part.content ?? []) chunks.push(chunk as Buffer);
  t.equal(Buffer.concat(chunks).toString(), 'Schön');

  await client.messageFlagsAdd('2', ['\\Seen', '$Label1']);
  t.same(await client.search({ seen: true }), [2]);
  t.same(await client.search({ subject: 'grüße' }, { uid: true }), [1]);
  t.same(await client.search({ body: 'schön' }), [1]);

  const told = new Promise((resolve) => client.once('exists', resolve));
  void client.idle();
  const { id } = bed.account.mailbox('INBOX')!;
  await bed.account.append(id, {
    content: Buffer.from('Subject: third\r\n\r\n'),
    flags: [],
    internalDateMs: 0,
  });
  t.match(await told, { count: 3, prevCount: 2 });

  t.match(await client.messageCopy('1', 'Arbeit'), { destination: 'Arbeit' });
  t.match(await client.messageMove('2:3', 'Arbeit/Über uns'), { destination: 'Arbeit/Über uns' });
  await client.messageDelete('1');
  t.match(await client.status('INBOX', { messages: true }), { messages: 0 });
  lock.release();

  await client.mailboxRename('Arbeit', 'Büro');
  t.match(await client.status('Büro/Über uns', { messages: true }), { messages: 2 });
  await client.mailboxOpen('Büro/Über uns', { readOnly: true });
  const subjects: string[] = [];
  for await (const message of client.fetch('1:*', { envelope: true }))
    subjects.push(message.envelope?.subject ?? '');
  t.same(subjects, ['second', 'third']);
  await client.mailboxClose();
  await client.mailboxDelete('Büro/Über uns');
  await client.logout();
});
