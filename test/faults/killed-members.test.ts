/**
 * A minute of mail and flags while members are killed, paused and started again, one at a time; then every promise is
 * checked through IMAP with a client that we did not write (docs/architecture.md, section 6, invariants 1 to 3).
 */
import { ImapFlow } from 'imapflow';
import t from 'tap';
import { Lab, type Login } from '../support/lab.ts';
import { Flagger, type SentMessage, Writer } from './load.ts';

const MINUTE_MS = 60_000;
/** Longer than SlotLease and its margin: the accounts of a paused member are taken over. */
const PAUSE_MS = 4000;
const BETWEEN_FAULTS_MS = 2500;

interface Stored {
  readonly uid: number;
  readonly subject: string;
  readonly flags: ReadonlySet<string>;
}

void t.test('nothing acknowledged is lost', { timeout: 240_000 }, async (t) => {
  const lab = await Lab.start(['--backends', '2', '--frontends', '2', '--accounts', '12']);
  t.teardown(() => lab.stop());
  const { accounts } = await lab.file();
  const smtp = [await lab.service('fe1', 'smtp'), await lab.service('fe2', 'smtp')];
  const imap = [await lab.service('fe1', 'imap'), await lab.service('fe2', 'imap')];

  const start = Date.now();
  const until = (): boolean => Date.now() - start > MINUTE_MS;
  const writers = ['a', 'b', 'c', 'd'].map((name) => new Writer(name, accounts, smtp));
  const flaggers = accounts.slice(0, 4).map((account) => new Flagger(account, imap));
  const load = Promise.all([...writers, ...flaggers].map((each) => each.run(until)));
  const faults = await inflict(lab, until);
  await load;
  t.comment(`faults: ${faults.join(', ')}`);

  const sent = writers.flatMap((writer) => writer.sent);
  const stored = new Map<string, readonly Stored[]>();
  for (const account of accounts) stored.set(account.login, await readAll(lab, account));
  checkMessages(t, sent, stored);
  for (const [index, flagger] of flaggers.entries())
    checkFlags(t, flagger, stored.get(accounts[index]!.login)!);
  for (const [login, messages] of stored) {
    const uids = messages.map(({ uid }) => uid);
    t.equal(new Set(uids).size, uids.length, `${login}: no UID twice`);
  }
});

/** One fault after another, each undone before the next; gives what was done. */
async function inflict(lab: Lab, until: () => boolean): Promise<string[]> {
  const done: string[] = [];
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const acts: readonly (readonly [string, () => Promise<void>])[] = [
    ['worker of be1 killed', () => lab.killWorkers('be1')],
    ['be1 killed', () => restart(lab, 'be1')],
    ['worker of fe1 killed', () => lab.killWorkers('fe1')],
    ['be2 killed', () => restart(lab, 'be2')],
    ['be1 paused', () => pause(lab, 'be1')],
    ['fe2 killed', () => restart(lab, 'fe2')],
    ['worker of be2 killed', () => lab.killWorkers('be2')],
    ['be2 paused', () => pause(lab, 'be2')],
  ];
  for (let count = 0; !until(); count++) {
    await wait(BETWEEN_FAULTS_MS);
    const [name, act] = acts[count % acts.length]!;
    if (until()) break;
    await act();
    done.push(name);
  }
  return done;

  async function restart(lab: Lab, name: string): Promise<void> {
    await lab.act('kill', name);
    await wait(1000);
    await lab.act('start', name);
  }
  async function pause(lab: Lab, name: string): Promise<void> {
    await lab.act('pause', name);
    await wait(PAUSE_MS);
    await lab.act('resume', name);
  }
}

async function readAll(lab: Lab, account: Login): Promise<Stored[]> {
  const address = await lab.service('fe1', 'imap');
  const client = new ImapFlow({
    host: address.host,
    port: address.port,
    secure: false,
    auth: { user: account.login, pass: account.password },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen('INBOX');
  const stored: Stored[] = [];
  for await (const { uid, envelope, flags } of client.fetch('1:*', {
    uid: true,
    envelope: true,
    flags: true,
  }))
    stored.push({ uid, subject: envelope?.subject ?? '', flags: flags ?? new Set() });
  await client.logout();
  return stored;
}

function checkMessages(
  t: Tap,
  sent: readonly SentMessage[],
  stored: ReadonlyMap<string, readonly Stored[]>,
): void {
  const copies = new Map<string, number>();
  for (const [login, messages] of stored)
    for (const { subject } of messages)
      copies.set(`${login} ${subject}`, (copies.get(`${login} ${subject}`) ?? 0) + 1);
  const count = (message: SentMessage): number => copies.get(`${message.to} ${message.mark}`) ?? 0;
  const acknowledged = sent.filter((message) => message.acknowledged);
  t.comment(
    `${acknowledged.length} messages acknowledged, ${sent.reduce((sum, m) => sum + m.failedTries, 0)} tries failed`,
  );
  t.ok(acknowledged.length > 100, 'there was a load');
  t.same(
    acknowledged.filter((message) => count(message) === 0).map(({ mark }) => mark),
    [],
    'no acknowledged message is missing',
  );
  const tooMany = sent.filter(
    (message) => count(message) > (message.acknowledged ? 1 : 0) + message.failedTries,
  );
  t.same(
    tooMany.map(({ mark }) => mark),
    [],
    'copies of a message: at most 1 + tries not answered 2yz',
  );
}

function checkFlags(t: Tap, flagger: Flagger, messages: readonly Stored[]): void {
  const byUid = new Map(messages.map((message) => [message.uid, message]));
  const missing = flagger.acknowledged.filter(({ uid, flag }) => !byUid.get(uid)?.flags.has(flag));
  t.ok(flagger.acknowledged.length > 20, `flags were set: ${flagger.acknowledged.length}`);
  t.same(missing, [], 'every acknowledged flag is set');
}

interface Tap {
  ok(value: unknown, message: string): unknown;
  same(found: unknown, wanted: unknown, message: string): unknown;
  comment(text: string): unknown;
}
