/**
 * SASL through real sockets, real TLS and a real cluster, in the framing of each protocol: the client's side of the
 * channel bindings is what Node's TLS says of the connection, the server's side what the platform found.
 */
import { once } from 'node:events';
import { connect as connectNet, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls, type SecureVersion, type TLSSocket } from 'node:tls';
import t from 'tap';
import type { Address } from '../../src/platform/platform.ts';
import { Lab, type Login } from '../support/lab.ts';
import { ScramClient } from './bed.ts';

/** How a protocol frames an exchange. */
interface Framing {
  /** Lines before the log-in, and how the last line of the answer to each begins. */
  readonly before: readonly (readonly [send: string | undefined, until: RegExp])[];
  readonly auth: (mechanism: string, initialResponse: string) => string;
  readonly challenge: RegExp;
  readonly ok: RegExp;
  readonly refused: RegExp;
}

const IMAP: Framing = {
  before: [[undefined, /^\* OK .*AUTH=SCRAM-SHA-256/]],
  auth: (mechanism, response) => `a AUTHENTICATE ${mechanism} ${response}`,
  challenge: /^\+ /,
  ok: /^a OK /,
  refused: /^a NO \[AUTHENTICATIONFAILED\]/,
};
const SMTP: Framing = {
  before: [
    [undefined, /^220 /],
    ['EHLO [127.0.0.1]', /^250 /],
  ],
  auth: (mechanism, response) => `AUTH ${mechanism} ${response}`,
  challenge: /^334 /,
  ok: /^235 /,
  refused: /^535 /,
};
const POP: Framing = {
  before: [[undefined, /^\+OK/]],
  auth: (mechanism, response) => `AUTH ${mechanism} ${response}`,
  challenge: /^\+ /,
  ok: /^\+OK/,
  refused: /^-ERR \[AUTH\]/,
};

type Door = 'clear' | SecureVersion;

async function open(address: Address, door: Door): Promise<Socket | TLSSocket> {
  if (door === 'clear') return connectNet(address.port, address.host);
  const options = { ...address, rejectUnauthorized: false, minVersion: door, maxVersion: door };
  const socket = connectTls(options);
  await once(socket, 'secureConnect');
  return socket;
}

/** What a client says of its channel, and the data of it. */
function bindingOf(socket: Socket | TLSSocket, door: Door): readonly [header: string, data: Buffer] {
  if (!('exportKeyingMaterial' in socket)) return ['n,,', Buffer.alloc(0)];
  if (door === 'TLSv1.3')
    return ['p=tls-exporter,,', socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))];
  // RFC 5802 section 6: it could, and -PLUS is not offered.
  return ['y,,', Buffer.alloc(0)];
}

/** One log-in by SCRAM. Resolves with the last line, and whether the server has shown that it knows the key. */
async function scram(framing: Framing, address: Address, door: Door, { login, password }: Login) {
  const socket = await open(address, door);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  for (const [send, until] of framing.before) {
    if (send !== undefined) socket.write(`${send}\r\n`);
    while (!until.test(await next()));
  }
  const [header, binding] = bindingOf(socket, door);
  const client = new ScramClient({ user: login, password, header, binding });
  const mechanism = header.startsWith('p=') ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';
  socket.write(`${framing.auth(mechanism, Buffer.from(client.first).toString('base64'))}\r\n`);
  let line = await next();
  for (const answer of [client.final, client.check]) {
    if (!framing.challenge.test(line)) break;
    const challenge = Buffer.from(line.replace(framing.challenge, ''), 'base64').toString();
    socket.write(`${Buffer.from(answer(challenge)).toString('base64')}\r\n`);
    line = await next();
  }
  socket.destroy();
  return { line, isGenuine: client.serverIsGenuine };
}

const DOORS: readonly (readonly [service: string, framing: Framing, door: Door])[] = [
  ['imap', IMAP, 'clear'],
  ['imaps', IMAP, 'TLSv1.2'],
  ['imaps', IMAP, 'TLSv1.3'],
  ['submission', SMTP, 'clear'],
  ['submissions', SMTP, 'TLSv1.3'],
  ['pop3', POP, 'clear'],
  ['pop3s', POP, 'TLSv1.3'],
];

void t.test('SCRAM at every door of a cluster, bound to its channel where there is TLS', async (t) => {
  const lab = await Lab.start(['--backends', '1', '--frontends', '1', '--accounts', '1']);
  t.teardown(() => lab.stop());
  const account = (await lab.file()).accounts[0]!;
  const stranger = { login: account.login, password: 'not the password' };
  for (const [service, framing, door] of DOORS) {
    const address = await lab.service('fe1', service);
    const { line, isGenuine } = await scram(framing, address, door, account);
    t.match(line, framing.ok, `${service}, ${door}`);
    t.ok(isGenuine, 'the server knows the key');
  }
  const imaps = await lab.service('fe1', 'imaps');
  const refused = await scram(IMAP, imaps, 'TLSv1.3', stranger);
  t.match(refused.line, IMAP.refused);
  t.notOk(refused.isGenuine);
});
