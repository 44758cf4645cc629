/** Python's smtplib (apt: python3) as a mail program: STARTTLS, AUTH, SMTPUTF8, BODY, DSN parameters, LMTP. */
import t from 'tap';
import { run, without } from '../imap/programs.ts';
import { PASSWORD } from '../sasl/bed.ts';
import { startBed, testTls } from '../smtp/bed.ts';
import { withoutTrace } from '../smtp/play.ts';

const skip = await without('python3', 'python3', '-c', 'import smtplib, ssl');

const PRELUDE = `
import smtplib, ssl, sys
port, password = int(sys.argv[1]), sys.argv[2]
context = ssl._create_unverified_context()
`;

/** What the script prints, or how it failed. */
async function python(script: string, port: number): Promise<string> {
  const { status, stdout, stderr } = await run('python3', ['-c', PRELUDE + script, String(port), PASSWORD]);
  return status === 0 ? stdout : `failed: ${stdout}${stderr}`;
}

void t.test('STARTTLS, the mechanisms it knows, and a message', { skip }, async (t) => {
  const bed = await startBed(t, {
    protocol: 'submission',
    hasLogin: true,
    tls: await testTls(),
    messageOctetsMax: 10_000,
  });
  const script = `
for mechanism in ("PLAIN", "LOGIN"):
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.ehlo()
        print(smtp.starttls(context=context)[0], end=" ")
        smtp.ehlo()
        smtp.user, smtp.password = "joe", password
        print(smtp.auth(mechanism, getattr(smtp, "auth_" + mechanism.lower()))[0], end=" ")
        print(smtp.sendmail("joe@lab.example", ["ann@lab.example"], "Subject: hi\\n\\n.dot\\n", ["body=8bitmime"],
                            ["notify=failure,delay"]), end=" ")
`;
  t.equal(await python(script, bed.listener.address.port), '220 235 {} 220 235 {} ');
  t.equal(bed.intake.delivered.length, 2);
  const [{ content, to, envelope }] = bed.intake.delivered as [(typeof bed.intake.delivered)[number]];
  t.match(withoutTrace(content), /Subject: hi\r\n\r\n\.dot\r\n$/);
  t.strictSame(to.dsn?.notify, ['FAILURE', 'DELAY']);
  t.equal(envelope?.body, '8BITMIME');
});

void t.test('addresses outside ASCII (RFC 6531), inside TLS from the first octet on', { skip }, async (t) => {
  const { listener, intake } = await startBed(t, {
    protocol: 'submission',
    hasLogin: true,
    tls: await testTls(),
    isImplicitTls: true,
    messageOctetsMax: 10_000,
  });
  const script = `
from email.message import EmailMessage
message = EmailMessage()
message["From"], message["To"], message["Subject"] = "joe@lab.example", "ann\\u00e9@lab.example", "\\u00fc"
message.set_content("\\u00e4")
with smtplib.SMTP_SSL("127.0.0.1", port, context=context) as smtp:
    smtp.login("joe", password)
    print(smtp.send_message(message), end="")
`;
  t.equal(await python(script, listener.address.port), '{}');
  t.match(intake.delivered[0]?.content, / with UTF8SMTPSA id /);
  t.equal(intake.delivered[0]?.to.forwardPath, 'ann\u00e9@lab.example');
});

void t.test('LMTP', { skip }, async (t) => {
  const { listener, intake } = await startBed(t, { protocol: 'lmtp', messageOctetsMax: 10_000 });
  const script = `
with smtplib.LMTP("127.0.0.1", port) as lmtp:
    print(lmtp.sendmail("a@b.example", ["joe@lab.example", "nobody@lab.example"], "Subject: x\\n\\ny\\n"), end="")
`;
  t.match(await python(script, listener.address.port), /^\{'nobody@lab\.example': \(550, b'5\.1\.1 /);
  t.equal(intake.delivered.length, 1);
});
