/** STARTTLS, implicit TLS and log-in inside them (RFC 3501 section 6.2.1, RFC 8314, RFC 5802), against the real listener. */
import t, { type Test } from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import { serverTls } from '../support/certificates.ts';
import { LineClient } from '../support/line-client.ts';
import { ImapBed, type ImapBedOptions, PASSWORD, USER } from './bed.ts';

const tls = await serverTls('lab.example');
/** As on a network: nothing in the clear. */
const onlyInTls = (connection: { readonly tls: unknown }): boolean => connection.tls !== undefined;

function ask(lines: LineClient, text: string): Promise<string> {
  lines.send(`${text}\r\n`);
  return lines.line();
}

async function connected(
  t: Test,
  options: ImapBedOptions = {},
): Promise<{ bed: ImapBed; lines: LineClient; greeting: string }> {
  const bed = await ImapBed.start(t, { tls, passwordsAllowed: onlyInTls, ...options });
  const lines = await LineClient.connect(bed.listener.address, 20_000, { tls: options.implicitTls === true });
  t.teardown(() => lines.close());
  return { bed, lines, greeting: await lines.line() };
}

void t.test('section 6.2.1: STARTTLS, then the capabilities are other ones, and log-in works', async (t) => {
  const { bed, lines, greeting } = await connected(t);
  t.match(greeting, /^\* OK \[CAPABILITY IMAP4rev1 (?=.*STARTTLS)(?=.*LOGINDISABLED)(?!.*AUTH=)/);
  t.match(await ask(lines, `a LOGIN ${USER} "${PASSWORD}"`), /^a NO \[PRIVACYREQUIRED\]/);
  t.match(await ask(lines, 'b AUTHENTICATE PLAIN'), /^b NO \[PRIVACYREQUIRED\]/);
  t.match(await ask(lines, 'c STARTTLS now'), /^c BAD /);
  t.match(await ask(lines, 'd STARTTLS'), /^d OK /);
  await lines.startTls();
  t.match(
    await ask(lines, 'e CAPABILITY'),
    /^\* CAPABILITY IMAP4rev1 (?!.*STARTTLS)(?!.*LOGINDISABLED)(?=.*AUTH=PLAIN)(?=.*AUTH=SCRAM-SHA-256)/,
  );
  t.equal(await lines.line(), 'e OK done');
  t.match(await ask(lines, 'f STARTTLS'), /^f BAD /);
  t.match(await ask(lines, `g LOGIN ${USER} "${PASSWORD}"`), /^g OK /);
  t.match(await ask(lines, 'h SELECT INBOX'), /^\* FLAGS/);
  t.match(bed.attempts, [{ service: 'imap', remoteHost: '127.0.0.1', localHost: '127.0.0.1' }]);
});

void t.test('what was sent in the clear behind STARTTLS is thrown away', async (t) => {
  const { lines } = await connected(t);
  t.match(await ask(lines, 'a STARTTLS\r\nb NOOP\r\nc LOGOUT'), /^a OK /);
  await lines.startTls();
  t.equal(await ask(lines, 'd NOOP'), 'd OK done', 'neither b nor c was heard');
});

void t.test('a command cut in half by STARTTLS does not go on behind it', async (t) => {
  const { lines } = await connected(t);
  t.match(await ask(lines, 'a STARTTLS\r\nb LOGIN {5+}'), /^a OK /);
  await lines.startTls();
  t.equal(await ask(lines, 'c NOOP'), 'c OK done');
});

void t.test('a handshake that fails ends the connection, and no other', async (t) => {
  const { bed, lines } = await connected(t);
  t.match(await ask(lines, 'a STARTTLS'), /^a OK /);
  lines.send('this is no TLS at all\r\n\r\n');
  await t.rejects(async () => {
    for (;;) await lines.line();
  }, 'closed');
  t.match((await bed.client(false)).ended, false);
});

void t.test('without a certificate there is no STARTTLS', async (t) => {
  const bed = await ImapBed.start(t);
  const client = await bed.client(false);
  t.notMatch(await client.command('a', 'CAPABILITY'), [/STARTTLS/]);
  t.match(await client.command('b', 'STARTTLS'), [/^b BAD /]);
  client.close();
});

void t.test('RFC 8314 section 3.2: TLS from the first octet on', async (t) => {
  const { bed, lines, greeting } = await connected(t, { implicitTls: true });
  t.match(greeting, /^\* OK \[CAPABILITY IMAP4rev1 (?!.*STARTTLS)(?!.*LOGINDISABLED)(?=.*AUTH=PLAIN)/);
  t.match(await ask(lines, `a LOGIN ${USER} "${PASSWORD}"`), /^a OK /);
  t.match(bed.attempts, [{ service: 'imaps' }]);
});

void t.test(
  'RFC 5530: limits, lost owners and names without mailboxes have answers of their own',
  async (t) => {
    const failures = [new Failure('limit', 'slow down'), new Failure('unavailable', 'no owner')];
    const { lines } = await connected(t, { implicitTls: true, failures });
    const login = `LOGIN ${USER} "${PASSWORD}"`;
    t.match(await ask(lines, `a ${login}`), /^a NO \[LIMIT\]/);
    t.match(await ask(lines, `b ${login}`), /^b NO \[UNAVAILABLE\]/);
    t.match(await ask(lines, `c LOGIN postmaster "${PASSWORD}"`), /^c NO \[AUTHORIZATIONFAILED\]/);
    t.match(await ask(lines, `d ${login}`), /^d OK /);
  },
);
