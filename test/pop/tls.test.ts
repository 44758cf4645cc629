/** STLS (RFC 2595 section 4) and TLS from the first octet (RFC 8314 section 3.3), on real sockets. */
import t from 'tap';
import { serverTls } from '../support/certificates.ts';
import { LineClient } from '../support/line-client.ts';
import { PASSWORD, PopBed, PopClient, USER } from './bed.ts';

const TLS = await serverTls('mail.lab.example');

async function greeted(
  bed: PopBed,
  options: { readonly tls?: boolean } = {},
): Promise<{ lines: LineClient; client: PopClient; greeting: string }> {
  const lines = await LineClient.connect(bed.listener.address, 20_000, options);
  const client = new PopClient(lines);
  return { lines, client, greeting: await client.line() };
}

void t.test('STLS: CAPA before and after, no second time, and a log-in inside', async (t) => {
  const bed = await PopBed.start(t, { tls: TLS });
  const { lines, client } = await greeted(bed);
  const before = await client.all('CAPA');
  t.ok(before.includes('STLS'));
  t.match(await client.say('STLS'), '+OK');
  await lines.startTls();
  const after = await client.all('CAPA');
  t.notOk(after.includes('STLS'), 'RFC 2595 section 4: it is over');
  t.match(await client.say('STLS'), '-ERR', 'RFC 2595 section 4: only once');
  t.match(await client.logIn(), '+OK');
  t.match(await client.say('STLS'), '-ERR', 'RFC 2595 section 4: in the AUTHORIZATION state only');
  client.close();
});

void t.test('RFC 2595 section 4: what came in the clear does not count inside', async (t) => {
  const bed = await PopBed.start(t, { tls: TLS });
  const { lines, client } = await greeted(bed);
  await client.say(`USER ${USER}`);
  lines.send(`STLS\r\nUSER ${USER}\r\nPASS ${PASSWORD}\r\nSTAT\r\n`);
  t.match(await client.line(), '+OK');
  await lines.startTls();
  t.match(
    await client.say('LANG tlh'),
    '-ERR no such language',
    'the first answer inside is to the first command inside',
  );
  t.match(await client.say(`PASS ${PASSWORD}`), '-ERR USER comes before PASS', 'USER is forgotten');
  t.same(bed.attempts, []);
  client.close();
});

void t.test('a handshake that fails ends the connection', async (t) => {
  const bed = await PopBed.start(t, { tls: TLS });
  const { lines, client } = await greeted(bed);
  await client.say('STLS');
  lines.send('CAPA\r\nthis is no handshake at all, and long enough to be seen as none\r\n');
  await client.end();
  t.pass('ended');
});

void t.test('TLS from the first octet', async (t) => {
  const bed = await PopBed.start(t, { tls: TLS, implicit: true });
  const { client, greeting } = await greeted(bed, { tls: true });
  t.match(greeting, '+OK Postern');
  t.notOk((await client.all('CAPA')).includes('STLS'));
  t.match(await client.say('STLS'), '-ERR');
  t.match(await client.logIn(), '+OK');
  client.close();
});
