/**
 * What a frontend of the simulation listens on: IMAP as it is, and one line protocol in place of SMTP and the text CLI,
 * whose libraries want real sockets. It leads to the same code behind them: the intake, the names, the settings.
 *
 *   client: one line of JSON, a `Request`        server: one line of JSON, a `Reply`, in order
 */
import type { Bus } from '../../../src/cluster/bus/types.ts';
import { createDial } from '../../../src/cluster/dial.ts';
import type { WorkerNode } from '../../../src/cluster/types.ts';
import { Domains } from '../../../src/directory/domains.ts';
import type { Names } from '../../../src/directory/names.ts';
import type { TransactionNumbers } from '../../../src/directory/transactions.ts';
import { ImapConnection } from '../../../src/imap/frontend/connection.ts';
import { type FailureCode, failureCode } from '../../../src/lib/failure.ts';
import type { Logger } from '../../../src/lib/logging.ts';
import type { ClusterAuthenticator } from '../../../src/login/authenticator.ts';
import { CREDENTIALS_PROPERTY } from '../../../src/login/credentials.ts';
import type { Connection, Platform } from '../../../src/platform/platform.ts';
import { isReply, type MailIntake } from '../../../src/smtp/types.ts';
import { objectKey } from '../../../src/store/ids.ts';

export const DOOR_PORT = 25;
export const IMAP_PORT = 143;
export const DOMAIN = 'sim.example';
export const PASSWORD = 'opensesame';
/** As the real listeners, but for a shorter patience: runs are short. */
export const OWNER_WAIT_MS = 4000;
const STALL_MS = 4000;
const SETTINGS_TIMEOUT_MS = 5000;
const REQUEST_OCTETS = 16;
export const APPEND_OCTETS_MAX = 1_000_000;

export type Request =
  | { readonly do: 'deliver'; readonly to: string; readonly text: string }
  | { readonly do: 'create'; readonly name: string }
  | { readonly do: 'rename'; readonly name: string; readonly to: string }
  | { readonly do: 'delete'; readonly name: string }
  | { readonly do: 'aliases'; readonly name: string; readonly aliases: readonly string[] }
  | { readonly do: 'resolve'; readonly name: string }
  | { readonly do: 'set'; readonly key: string; readonly value: string }
  | { readonly do: 'get'; readonly key: string }
  | { readonly do: 'domain' };

/** `done` is a promise to the client; anything else is none. `at`: the process that answered. SMTP's codes stand in `reply`. */
export type Reply =
  | { readonly kind: 'done'; readonly value: string | null; readonly at?: string }
  | { readonly kind: 'failed'; readonly code: FailureCode | 'bug'; readonly why: string }
  | { readonly kind: 'reply'; readonly code: number; readonly why: string };

export interface DoorOptions {
  readonly platform: Platform;
  /** Of the process. */
  readonly label: string;
  readonly host: string;
  readonly bus: Bus;
  readonly node: WorkerNode;
  readonly names: Names;
  readonly authenticator: ClusterAuthenticator;
  readonly transactions: TransactionNumbers;
  readonly intake: MailIntake;
  readonly logger: Logger;
}

export async function openDoor(options: DoorOptions): Promise<void> {
  const { platform, host, bus, node, authenticator, transactions, logger } = options;
  const dial = createDial(bus, node.map, platform.clock);
  // All workers of a member share its ports.
  const shared = { shared: true };
  const serveImap = (connection: Connection): void => {
    const imap = new ImapConnection({
      connection,
      authenticator,
      dial,
      transactions,
      logger,
      clock: platform.clock,
      appendOctetsMax: APPEND_OCTETS_MAX,
      passwordsAllowed: () => true,
      random: platform.random,
      tls: undefined,
      service: 'imap',
      stallMs: STALL_MS,
    });
    void imap.serve();
  };
  await platform.net.listen({ host, port: IMAP_PORT }, serveImap, shared);
  await platform.net.listen({ host, port: DOOR_PORT }, (each) => serveLines(each, options), shared);
}

function serveLines(connection: Connection, options: DoorOptions): void {
  let text = '';
  let last = Promise.resolve();
  let isOpen = true;
  const answer = async (line: string): Promise<void> => {
    const reply = await perform(JSON.parse(line) as Request, options).catch(
      (error: unknown): Reply => ({
        kind: 'failed',
        code: failureCode(error) ?? 'bug',
        why: error instanceof Error ? error.message : String(error),
      }),
    );
    if (isOpen) connection.write(Buffer.from(`${JSON.stringify(reply)}\n`));
  };
  connection.start({
    data: (bytes) => {
      text += bytes.toString('latin1');
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        last = last.then(() => answer(line));
      }
    },
    closed: () => {
      isOpen = false;
    },
  });
}

async function perform(request: Request, options: DoorOptions): Promise<Reply> {
  const { names, node, platform } = options;
  if (request.do === 'deliver') return deliver(request, options.intake);
  if (request.do === 'set') {
    const change = {
      kind: 'setValue',
      key: request.key,
      value: Buffer.from(request.value),
      request: platform.random.bytes(REQUEST_OCTETS).toString('hex'),
    };
    await node.changeSettings(change, { timeoutMs: SETTINGS_TIMEOUT_MS });
    return done();
  }
  if (request.do === 'get')
    return node.isReady()
      ? { ...done(node.settings.value(request.key)?.toString() ?? null), at: options.label }
      : { kind: 'failed', code: 'unavailable', why: 'not ready' };
  if (request.do === 'domain') {
    const { settings } = node;
    const changeSettings: WorkerNode['changeSettings'] = (change, each) => node.changeSettings(change, each);
    const domains = new Domains({ settings, changeSettings, directory: names, random: platform.random });
    await domains.create(DOMAIN, true);
    return done();
  }
  const domainId = names.parse(`nobody@${DOMAIN}`)?.domainId;
  if (domainId === undefined)
    return { kind: 'failed', code: 'unavailable', why: 'the domain is not known here' };
  switch (request.do) {
    case 'create': {
      const credentials = await options.authenticator.makeCredentials(PASSWORD);
      const initial = new Map([[CREDENTIALS_PROPERTY, credentials]]);
      return done(objectKey(await names.createAccount(domainId, request.name, initial)));
    }
    case 'rename':
      await names.renameAccount(domainId, request.name, domainId, request.to);
      return done();
    case 'delete':
      await names.deleteAccount(domainId, request.name);
      return done();
    case 'aliases':
      await names.setAliases(domainId, request.name, request.aliases);
      return done();
    case 'resolve': {
      const found = await names.resolve(domainId, request.name, OWNER_WAIT_MS);
      return done(found.kind === 'account' ? objectKey(found.object) : null);
    }
  }
}

async function deliver(request: Extract<Request, { do: 'deliver' }>, intake: MailIntake): Promise<Reply> {
  const recipient = await intake.resolve(`${request.to}@${DOMAIN}`);
  if (isReply(recipient)) return { kind: 'reply', code: recipient.code, why: recipient.text };
  const refused = await intake.deliver(recipient, [Buffer.from(request.text)]);
  return refused === undefined ? done() : { kind: 'reply', code: refused.code, why: refused.text };
}

function done(value: string | null = null): Reply & { readonly kind: 'done' } {
  return { kind: 'done', value };
}
