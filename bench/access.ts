/**
 * Mailbox access over IMAP: log-ins, a large mailbox, large messages, and a mixed load, beside Dovecot in the same run.
 *
 *   node bench/access.ts [--quick] [--folder DIR] [--postern-only]
 */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { startDovecotAccess } from './lib/dovecot-access.ts';
import { ImapClient } from './lib/imap-client.ts';
import { type Figure, measured, parallel, table } from './lib/measure.ts';
import { type Peer, startPostern } from './lib/peer.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    folder: { type: 'string', default: tmpdir() },
    'postern-only': { type: 'boolean', default: false },
  },
});

const ACCOUNTS = 50;
const SIZE = values.quick
  ? { logins: 300, messages: 1000, fetches: 2, large: 10, largeRounds: 2, rounds: 5 }
  : { logins: 2000, messages: 10_000, fetches: 10, large: 50, largeRounds: 8, rounds: 20 };
const LOGINS_AT_ONCE = 10;
const FILLERS = 10;
const READERS = 4;
const MIXED_CONNECTIONS = 50;
const LARGE_OCTETS = 2 ** 20;
const MB = 1e6;

function messageOf(subject: string, octets: number): Buffer {
  const head = `From: "A. Sender" <a@bench.example>\r\nTo: b@bench.example\r\nSubject: ${subject}\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\nMessage-ID: <${subject}@bench.example>\r\n\r\n`;
  const line = `${'x'.repeat(70)}\r\n`;
  return Buffer.from(head + line.repeat(Math.max(1, Math.floor((octets - head.length) / line.length))));
}

const figures: Figure[] = [];

async function loggedIn(peer: Peer, account: number): Promise<ImapClient> {
  const client = await ImapClient.open(peer.imap);
  await client.authenticatePlain(peer.accounts[account % peer.accounts.length]!);
  return client;
}

/** Connection, log-in, end: the first round makes the password known to the server, and is not counted. */
async function logins(peer: Peer): Promise<void> {
  const salted = new Map<string, Buffer>();
  const one = async (index: number, tls: boolean, scram: boolean) => {
    const login = peer.accounts[index % peer.accounts.length]!;
    const client = await ImapClient.open(tls ? peer.imaps : peer.imap, tls);
    await (scram ? client.authenticateScram(login, salted) : client.authenticatePlain(login));
    client.close();
  };
  for (const [what, tls, scram] of [
    ['log-ins, PLAIN', false, false],
    ['log-ins, SCRAM-SHA-256', false, true],
    ['log-ins, TLS, PLAIN', true, false],
    ['log-ins, TLS, SCRAM-SHA-256', true, true],
  ] as const) {
    const act = (index: number) => one(index, tls, scram);
    await parallel(LOGINS_AT_ONCE, 4 * ACCOUNTS, act);
    figures.push(
      await measured({ what, unit: '/s', peer: peer.name, pid: peer.pid }, async () => {
        await parallel(LOGINS_AT_ONCE, SIZE.logins, act);
        return SIZE.logins;
      }),
    );
  }
}

async function fill(
  peer: Peer,
  account: number,
  mailbox: string,
  count: number,
  octets: number,
): Promise<void> {
  const clients = await Promise.all(Array.from({ length: FILLERS }, () => loggedIn(peer, account)));
  await clients[0]!.command(`CREATE ${mailbox}`);
  await Promise.all(
    clients.map(async (client, index) => {
      for (let number = index; number < count; number += FILLERS)
        await client.append(mailbox, messageOf(`message-${number}`, octets));
      client.close();
    }),
  );
}

async function largeMailbox(peer: Peer): Promise<void> {
  await fill(peer, 0, 'Many', SIZE.messages, 1024);
  const once = async () => {
    const client = await loggedIn(peer, 0);
    await client.command('SELECT Many');
    await client.command('FETCH 1:* (FLAGS ENVELOPE)');
    client.close();
  };
  await once();
  const what = `SELECT, FETCH 1:* (FLAGS ENVELOPE) of ${SIZE.messages}`;
  figures.push(
    await measured({ what, unit: '/s', peer: peer.name, pid: peer.pid }, async () => {
      for (let count = 0; count < SIZE.fetches; count++) await once();
      return SIZE.fetches;
    }),
  );
}

async function largeMessages(peer: Peer): Promise<void> {
  await fill(peer, 1, 'Large', SIZE.large, LARGE_OCTETS);
  const read = async () => {
    const client = await loggedIn(peer, 1);
    await client.command('SELECT Large');
    const octets = await client.command('FETCH 1:* (BODY.PEEK[])');
    client.close();
    return octets;
  };
  await read();
  const what = `FETCH BODY[] of 1 MiB, ${READERS} connections`;
  figures.push(
    await measured({ what, unit: 'MB/s', peer: peer.name, pid: peer.pid }, async () => {
      let octets = 0;
      await parallel(READERS, SIZE.largeRounds, async () => {
        const more = await read();
        octets += more; // not `octets += await …`: what the others have added meanwhile would be lost
      });
      return octets / MB;
    }),
  );
}

/** What a client does in a round; each is one operation. */
async function round(client: ImapClient, number: number, message: Buffer): Promise<number> {
  await client.command('SELECT INBOX');
  await client.command('FETCH 1:* (FLAGS)');
  await client.command(`STORE 1 ${number % 2 === 0 ? '+' : '-'}FLAGS.SILENT (\\Flagged)`);
  await client.append('INBOX', message);
  await client.command('SEARCH SUBJECT "message-1"');
  const done = await client.idle();
  await done();
  return 6;
}

async function mixed(peer: Peer): Promise<void> {
  const message = messageOf('message-x', 4096);
  const clients = await Promise.all(
    Array.from({ length: MIXED_CONNECTIONS }, async (_, index) => {
      const client = await loggedIn(peer, index);
      for (let number = 0; number < 20; number++) await client.append('INBOX', message);
      await round(client, 0, message);
      return client;
    }),
  );
  const what = `mixed, ${MIXED_CONNECTIONS} connections`;
  figures.push(
    await measured({ what, unit: '/s', peer: peer.name, pid: peer.pid }, async () => {
      let operations = 0;
      await Promise.all(
        clients.map(async (client) => {
          for (let number = 1; number <= SIZE.rounds; number++)
            operations += await round(client, number, message);
        }),
      );
      return operations;
    }),
  );
  for (const client of clients) client.close();
}

async function all(peer: Peer | undefined): Promise<void> {
  if (peer === undefined) return;
  try {
    for (const part of [logins, largeMailbox, largeMessages, mixed]) await part(peer);
  } finally {
    await peer.stop();
  }
}

const password = 'a password of the bench';
const others = Array.from({ length: ACCOUNTS }, (_, index) => ({
  login: `user${index + 1}@lab.example`,
  password,
}));
await all(await startPostern(ACCOUNTS));
if (!values['postern-only']) await all(await startDovecotAccess(values.folder, others));
console.log(table(figures));
