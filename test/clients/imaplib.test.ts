/** A day's work of Python's imaplib (apt: python3), in the clear, by STARTTLS and inside TLS, through a real cluster. */
import t from 'tap';
import { run, startImapLab, without } from '../imap/programs.ts';

const skip = await without('python3', 'python3', '-c', 'import imaplib, ssl');

const DAY = String.raw`
import imaplib, ssl, sys, time, email
host, port, user, password, mode = sys.argv[1:6]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
if mode == 'implicit': M = imaplib.IMAP4_SSL(host, int(port), ssl_context=context)
else:
    M = imaplib.IMAP4(host, int(port))
    if mode == 'starttls':
        assert 'STARTTLS' in M.capabilities, M.capabilities
        M.starttls(context)
if mode == 'implicit': M.authenticate('PLAIN', lambda _: b'\0' + user.encode() + b'\0' + password.encode())
else: M.login(user, password)
def ok(answer, what):
    assert answer[0] == 'OK', (what, answer)
    return answer[1]
box = 'Work-' + mode
ok(M.create(box), 'create')
assert M.create(box)[0] == 'NO'
ok(M.subscribe(box), 'subscribe')
assert any(box.encode() in line for line in ok(M.list(), 'list'))
assert any(box.encode() in line for line in ok(M.lsub(), 'lsub'))
text = b'From: a@b.example\r\nTo: c@d.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Fri, 2 Jan 2026 03:04:05 +0000\r\n\r\nHello\r\n'
for n in range(5):
    ok(M.append(box, r'(\Seen)' if n == 0 else None, imaplib.Time2Internaldate(1767323045 + n), text), 'append')
assert ok(M.status(box, '(MESSAGES UNSEEN UIDNEXT)'), 'status')[0].endswith(b'(MESSAGES 5 UNSEEN 4 UIDNEXT 6)')
assert ok(M.select(box), 'select') == [b'5']
assert M.response('UIDVALIDITY')[1][0].isdigit()
assert ok(M.search(None, 'UNSEEN'), 'search') == [b'2 3 4 5']
M.literal = 'Grüße'.encode()
assert ok(M.search('UTF-8', 'SUBJECT'), 'search utf-8') == [b'1 2 3 4 5']
answer = ok(M.fetch('2', '(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY.PEEK[])'), 'fetch')
assert answer[0][1] == text, answer
assert email.message_from_bytes(answer[0][1])['From'] == 'a@b.example'
assert time.mktime(imaplib.Internaldate2tuple(answer[0][0])) == 1767323046
assert b'RFC822.SIZE %d' % len(text) in answer[0][0]
ok(M.fetch('3', '(RFC822)'), 'fetch rfc822')
assert b'\\Seen' in ok(M.fetch('3', '(FLAGS)'), 'flags')[0]
ok(M.store('4:5', '+FLAGS', r'(\Deleted $Later)'), 'store')
assert ok(M.uid('SEARCH', 'KEYWORD', '$Later'), 'keyword') == [b'4 5']
ok(M.copy('1', 'Sent'), 'copy')
assert ok(M.expunge(), 'expunge') == [b'4', b'4']
assert ok(M.uid('FETCH', '1:*', '(UID)'), 'uid fetch') == [b'1 (UID 1)', b'2 (UID 2)', b'3 (UID 3)']
ok(M.noop(), 'noop')
ok(M.check(), 'check')
ok(M.unselect() if hasattr(M, 'unselect') else M.close(), 'unselect')
ok(M.rename(box, 'Old-' + mode), 'rename')
ok(M.select('Old-' + mode, readonly=True), 'examine')
ok(M.close(), 'close')
ok(M.delete('Old-' + mode), 'delete')
ok(M.namespace(), 'namespace')
assert M.logout()[0] == 'BYE'
print('a good day')
`;

void t.test('imaplib: a day of mail by each door', { skip }, async (t) => {
  const { imap, imaps, accounts } = await startImapLab(t);
  const { login, password } = accounts[0]!;
  for (const [mode, { host, port }] of [
    ['clear', imap],
    ['starttls', imap],
    ['implicit', imaps],
  ] as const) {
    const { status, stdout, stderr } = await run('python3', [
      '-c',
      DAY,
      host,
      String(port),
      login,
      password,
      mode,
    ]);
    t.same([status, stdout.trim(), stderr], [0, 'a good day', ''], mode);
  }
});
