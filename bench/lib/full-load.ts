/**
 * A cluster under as much load as the machine can bear, mail coming in and mail programs at work, in which nothing is hurt: so
 * nothing may be taken over, no lease may run out and no change of control may be. What happened is read from the members'
 * logs, where every decision of the cluster is a line (docs/operator.md, "Events").
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Lab } from '../../test/support/lab.ts';
import { ImapClient, type Login } from './imap-client.ts';
import { run } from './intake-load.ts';
import { keepLogs } from './keep-logs.ts';

const ACCOUNTS = 50;
const SMTP_CONNECTIONS = 20;
const IMAP_CONNECTIONS = 20;
/** Between two looks at the clock. */
const MESSAGES_AT_ONCE = 1000;
const MESSAGE_OCTETS = 1024;
/** A mailbox is emptied after so many rounds of a mail program, so that ten minutes of mail are not all kept. */
const ROUNDS_TO_EMPTY = 5;
/** Slots are being spread after the start. */
const START_MS = 10_000;
const MESSAGE = Buffer.from(`Subject: load\r\n\r\n${'x'.repeat(MESSAGE_OCTETS)}\r\n`);

/** What people do, and what is said of it, is no sign of trouble. */
const HARMLESS: ReadonlySet<string> = new Set(['settings-changed']);
/** Of a worker that dies or hangs. */
const TROUBLE = /"msg":"worker (?:died|hangs)/;

/** True when nothing happened. */
export async function undisturbed(minutes: number, keep: string | undefined): Promise<boolean> {
  const lab = await Lab.start(['--backends', '3', '--frontends', '2', '--accounts', String(ACCOUNTS)]);
  try {
    const { members, accounts } = await lab.file();
    const names = members.map(({ name }) => name);
    await new Promise((done) => setTimeout(done, START_MS));
    const before = await logs(lab, names);
    const endMs = performance.now() + minutes * 60_000;
    const isOver = (): boolean => performance.now() > endMs;
    const doors = async (service: string) =>
      Promise.all(['fe1', 'fe2'].map((name) => lab.service(name, service)));
    const [smtp, imap] = [await doors('smtp'), await doors('imap')];
    const figures = { messages: 0, rounds: 0, failed: [] as string[] };
    const intake = smtp.map(async (address) => {
      while (!isOver())
        try {
          const recipients = accounts.map(({ login }) => login);
          const load = { address, recipients, messages: MESSAGES_AT_ONCE, octets: MESSAGE_OCTETS };
          await run({ ...load, protocol: 'smtp', connections: SMTP_CONNECTIONS / smtp.length });
          figures.messages += MESSAGES_AT_ONCE;
        } catch (error) {
          figures.failed.push((error as Error).message);
        }
    });
    const programs = Array.from({ length: IMAP_CONNECTIONS }, async (_, index) => {
      while (!isOver())
        try {
          const client = await ImapClient.open(imap[index % imap.length]!);
          try {
            await work(client, accounts[index % accounts.length]!, isOver, () => figures.rounds++);
          } finally {
            client.close();
          }
        } catch (error) {
          figures.failed.push((error as Error).message);
        }
    });
    await Promise.all([...intake, ...programs]);
    const after = await logs(lab, names);
    const signs = names.flatMap((name) => signsOf(after.get(name)!.slice(before.get(name)!.length), name));
    console.log(
      `${minutes} min of full load: ${figures.messages} messages, ${figures.rounds} rounds of mail programs, ${figures.failed.length} failed`,
    );
    for (const why of new Set(figures.failed)) console.log(`  ${why}`);
    console.log(`take-overs, lost leases and changes of control: ${signs.length}`);
    for (const sign of signs) console.log(`  ${sign}`);
    if (keep !== undefined) await keepLogs(lab, keep);
    return signs.length === 0;
  } finally {
    await lab.stop();
  }
}

/** Looks, marks, adds and throws away, as 20 people at once would who never rest. */
async function work(
  client: ImapClient,
  account: Login,
  isOver: () => boolean,
  done: () => void,
): Promise<void> {
  await client.authenticatePlain(account);
  await client.command('SELECT INBOX');
  for (let round = 1; !isOver(); round++) {
    await client.append('INBOX', MESSAGE);
    await client.command('FETCH 1:* (FLAGS)');
    await client.command('STORE 1 +FLAGS.SILENT (\\Seen)');
    if (round % ROUNDS_TO_EMPTY === 0) {
      await client.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
      await client.command('EXPUNGE');
      await client.append('INBOX', MESSAGE);
    }
    done();
  }
}

async function logs(lab: Lab, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const read = async (name: string): Promise<readonly [string, string]> => [
    name,
    await readFile(join(lab.base, name, 'Logs', 'postern.log'), 'utf8'),
  ];
  return new Map(await Promise.all(names.map(read)));
}

function signsOf(log: string, name: string): readonly string[] {
  return log
    .split('\n')
    .filter((line) => {
      const event = /"event":"([a-z-]+)"/.exec(line)?.[1];
      return (event !== undefined && !HARMLESS.has(event)) || TROUBLE.test(line);
    })
    .map((line) => `${name}: ${line}`);
}
