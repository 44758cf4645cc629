/**
 * The fault test: mail and flags while members are killed, paused and started again, one at a time; then every promise is
 * checked through IMAP with a client that we did not write (docs/architecture.md, section 6, invariants 1 to 3). Of any shape
 * of cluster: killed-members.test.ts has the table.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { Lab } from '../support/lab.ts';
import { controllerOf, kill } from './killer.ts';
import { bodyOf, type Door, Flagger, type SentMessage, Writer } from './load.ts';
import { type Inbox, readInbox } from './mailbox.ts';

/** Longer than SlotLease and its margin: the accounts of a paused member are taken over. */
const PAUSE_MS = 4000;
const BETWEEN_FAULTS_MS = 1200;
const DOWN_MS = 1000;
/** A client learns of its frontend's end a moment after the fault is over. */
const CLOSE_LATE_MS = 2000;
const SLOW = 3;
const ACCOUNTS = 12;
const FLAGGED = 4;

/** `controller`: whichever member has control when its turn comes. */
type Victim = string;
export type FaultKind = 'workers' | 'supervisor' | 'member' | 'pause';
export const CONTROLLER: Victim = 'controller';

export interface Shape {
  /** Flags of `postern lab`. */
  readonly flags: readonly string[];
  /** Members that clients connect to. */
  readonly doors: readonly string[];
  /** Members that own accounts. */
  readonly backends: readonly string[];
  /** One after the other, and from the beginning again. */
  readonly faults: readonly (readonly [kind: FaultKind, victim: Victim])[];
  readonly forMs: number;
  /** Less would be no test: on a machine that is slow it goes on for them, up to three times as long. */
  readonly faultsMin: number;
}

interface Fault {
  readonly name: string;
  readonly member: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export async function nothingIsLost(t: Test, shape: Shape): Promise<void> {
  const lab = await Lab.start([...shape.flags, '--accounts', String(ACCOUNTS)]);
  t.teardown(() => lab.stop());
  const { accounts } = await lab.file();
  const doors = (service: string): Promise<Door[]> =>
    Promise.all(shape.doors.map(async (name) => ({ name, ...(await lab.service(name, service)) })));
  const smtp = await doors('smtp');
  const imap = await doors('imap');

  const startMs = performance.now();
  const faults: Fault[] = [];
  const until = (): boolean => {
    const forMs = performance.now() - startMs;
    return forMs > (faults.length < shape.faultsMin ? SLOW * shape.forMs : shape.forMs);
  };
  const writers = ['a', 'b', 'c', 'd'].map((name) => new Writer(name, accounts, smtp));
  const flagged = accounts.slice(0, FLAGGED);
  const flaggers = flagged.map((account, index) => new Flagger(account, turned(imap, index)));
  const load = Promise.all([...writers, ...flaggers].map((each) => each.run(until)));
  await inflict(lab, shape, faults, until);
  await load;
  t.comment(`faults: ${faults.map(({ name }) => name).join(', ')}`);
  t.ok(faults.length >= shape.faultsMin, `${faults.length} faults`);

  const sent = writers.flatMap((writer) => writer.sent);
  const inboxes = new Map<string, Inbox>();
  for (const account of accounts) inboxes.set(account.login, await readInbox(imap[0]!, account));
  t.same(
    writers.flatMap(({ violations }) => violations),
    [],
    'no mail was refused for good',
  );
  checkMessages(t, sent, inboxes);
  for (const [index, flagger] of flaggers.entries()) {
    checkFlags(t, flagger, inboxes.get(flagged[index]!.login)!);
    checkSessions(t, flagger, faults);
  }
}

/** Each client begins at another door. */
function turned<T>(items: readonly T[], by: number): readonly T[] {
  const from = by % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}

/** One fault after another, each undone before the next. */
async function inflict(
  lab: Lab,
  { faults, backends }: Shape,
  done: Fault[],
  until: () => boolean,
): Promise<void> {
  for (let count = 0; ; count++) {
    await sleep(BETWEEN_FAULTS_MS);
    if (until()) return;
    const [kind, victim] = faults[count % faults.length]!;
    const member = victim === CONTROLLER ? await controllerOf(lab, backends) : victim;
    const fromMs = performance.now();
    await (kind === 'pause' ? pause(lab, member) : kill(lab, member, kind, DOWN_MS));
    done.push({ name: `${kind} of ${victim} ${member}`, member, fromMs, toMs: performance.now() });
  }
}

async function pause(lab: Lab, name: string): Promise<void> {
  await lab.act('pause', name);
  await sleep(PAUSE_MS);
  await lab.act('resume', name);
}

function checkMessages(t: Test, sent: readonly SentMessage[], inboxes: ReadonlyMap<string, Inbox>): void {
  const copies = new Map<string, number>();
  const key = (to: string, mark: string): string => `${to} ${mark}`;
  const cut: string[] = [];
  for (const [login, { messages }] of inboxes) {
    for (const { subject, body } of messages) {
      copies.set(key(login, subject), (copies.get(key(login, subject)) ?? 0) + 1);
      if (body !== bodyOf(subject)) cut.push(key(login, subject));
    }
    const uids = messages.map(({ uid }) => uid);
    t.equal(new Set(uids).size, uids.length, `${login}: no UID twice`);
  }
  const count = ({ to, mark }: SentMessage): number => copies.get(key(to, mark)) ?? 0;
  const acknowledged = sent.filter((message) => message.acknowledged);
  const failed = sent.reduce((sum, { failedTries }) => sum + failedTries, 0);
  t.comment(`${acknowledged.length} messages acknowledged, ${failed} tries failed`);
  t.ok(acknowledged.length > 100, 'there was a load');
  t.ok(failed > 0, 'and faults hit it');
  t.same(
    acknowledged.filter((message) => count(message) === 0),
    [],
    'no acknowledged message is missing',
  );
  t.same(
    sent.filter((message) => count(message) > (message.acknowledged ? 1 : 0) + message.failedTries),
    [],
    'copies of a message: at most 1 + tries not answered 2yz',
  );
  const known = new Set(sent.map(({ to, mark }) => key(to, mark)));
  t.same(
    [...copies.keys()].filter((each) => !known.has(each)),
    [],
    'nothing is there that nobody sent there',
  );
  t.same(cut, [], 'every copy is whole');
}

function checkFlags(t: Test, flagger: Flagger, { messages }: Inbox): void {
  const byUid = new Map(messages.map((message) => [message.uid, message]));
  t.ok(flagger.acknowledged.length > 20, `flags were set: ${flagger.acknowledged.length}`);
  t.same(
    flagger.acknowledged.filter(({ uid, flag }) => byUid.get(uid)?.flags.has(flag) !== true),
    [],
    'every acknowledged flag is set',
  );
  t.same(
    flagger.acknowledged.filter(({ uid, mark }) => byUid.get(uid)?.subject !== mark),
    [],
    'on the message that had this UID then',
  );
  t.same(flagger.violations, [], 'no session was told anything wrong');
}

/** Sessions outlive backends: only a fault of its own frontend ends one. */
function checkSessions(t: Test, { closed }: Flagger, faults: readonly Fault[]): void {
  const excused = closed.filter(({ frontend, atMs }) =>
    faults.some(
      ({ member, fromMs, toMs }) => member === frontend && atMs >= fromMs && atMs <= toMs + CLOSE_LATE_MS,
    ),
  );
  t.same(
    closed.filter((each) => !excused.includes(each)),
    [],
    'no session was closed because of a backend',
  );
}
