/**
 * The storage is full, stands still, or is gone, and comes back (docs/architecture.md, section 6, invariant 7): what needs
 * it is refused in time, everything else goes on, nobody has to touch anything, and nothing acknowledged is lost.
 */
import { open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Cli } from '../support/cli.ts';
import { Lab, type Login, type Prepare } from '../support/lab.ts';
import { type Kind, Mount, mountingFails } from '../support/mount.ts';
import { type Session } from './session.ts';
import { StorageWatch, type Try } from './storage-watch.ts';

const LAB = ['--backends', '2', '--frontends', '2', '--accounts', '6'];
const REFUSED_WITHIN_MS = 10_000;
const SERVED_WITHIN_MS = 5000;
/** What was written a moment before the storage stopped may be answered yet. */
const IN_FLIGHT_MS = 1000;
/** Between two questions of one client. */
const PAUSE_MS = 100;
const SMALL_OCTETS = 500;
/** More than what is left in a file's last block. */
const LARGE_OCTETS = 20_000;
/** Each is a record of some tens of octets: together more than what is left in a log's last block. */
const CHANGES_MAX = 200;
const MIB = 1024 * 1024;

void t.test('storage full, then freed', { timeout: 120_000, skip: await cannot('tmpfs') }, async (t) => {
  const mounted: Mount[] = [];
  const lab = await Lab.start(LAB, mountIt('tmpfs', 48, mounted));
  t.teardown(() => lab.stop());
  const watch = await StorageWatch.start(lab, LARGE_OCTETS);
  t.teardown(() => watch.close());
  const ballast = join(lab.storage, 'ballast');
  await fill(ballast);

  const refused = await mailUntilRefused(watch);
  t.ok(
    refused.every(({ reply }) => reply?.startsWith('452 4.3.1 ')),
    `new mail is refused with 452: ${replies(refused)}`,
  );
  t.ok(slowest(watch.tries) < REFUSED_WITHIN_MS, `in time: ${Math.round(slowest(watch.tries))} ms`);
  for (const [index, session] of watch.sessions.entries()) {
    const { login } = watch.accounts[index]!;
    const lines = await session.lines('UID FETCH 1 (FLAGS BODY.PEEK[TEXT])');
    t.match(lines.at(-1), /^OK/, `${login}: mail is read`);
    t.ok(
      lines.some((line) => line.startsWith('xxxx')),
      `${login}: all of it`,
    );
    t.match(await session.ask('STATUS INBOX (MESSAGES UIDNEXT)'), /^OK/, `${login}: STATUS`);
    t.match(await refusedChange(session), /^NO \[OVERQUOTA\]/, `${login}: a change is refused`);
    t.match(
      await session.append(`Subject: x\r\n\r\n${'x'.repeat(LARGE_OCTETS)}`),
      /^NO \[OVERQUOTA\]/,
      `${login}: APPEND too`,
    );
    const another = await watch.newSession(index);
    t.match(await another.ask('UID FETCH 1 (FLAGS)'), /^OK/, `${login}: a new session reads`);
    another.close();
  }

  const cli = await Cli.open(lab, 'fe2');
  const [{ login }] = watch.accounts as [Login];
  const created = await createUntilRefused(cli);
  t.match(created.answer, /^501 try again later/, 'administration: no new account');
  t.match(await cli.run(`GETACCOUNTALIASES ${login}`), /^201 /, 'administration: questions are answered');

  await unlink(ballast);
  await servedAgain(t, lab, watch);
  t.match(
    await cli.run(`CREATEACCOUNT ${created.name}`),
    /^200 /,
    'the account that was refused can be made',
  );
  for (const name of created.made)
    t.match(await cli.run(`GETACCOUNTALIASES ${name}`), /^201 /, 'one that was made is there');
  cli.close();
});

void t.test(
  'storage stands still, and goes on',
  { timeout: 180_000, skip: await cannot('ext4') },
  async (t) => {
    const mounted: Mount[] = [];
    const lab = await Lab.start(LAB, mountIt('ext4', 256, mounted));
    t.teardown(() => lab.stop());
    const mount = mounted[0]!;
    const watch = await StorageWatch.start(lab, SMALL_OCTETS);
    t.teardown(() => watch.close());
    for (const seconds of [5, 30])
      await goneFor(t, lab, watch, {
        seconds,
        take: () => mount.freeze(),
        giveBack: () => mount.thaw(),
        allowed: REFUSED,
      });
  },
);

void t.test('storage not there, and back', { timeout: 120_000 }, async (t) => {
  const lab = await Lab.start(LAB);
  t.teardown(() => lab.stop());
  const watch = await StorageWatch.start(lab, SMALL_OCTETS);
  t.teardown(() => watch.close());
  const away = `${lab.storage}.away`;
  await goneFor(t, lab, watch, {
    seconds: 5,
    take: () => rename(lab.storage, away),
    giveBack: () => rename(away, lab.storage),
    allowed: REFUSED_OR_KEPT,
  });
});

interface Absence {
  readonly seconds: number;
  readonly take: () => Promise<void>;
  readonly giveBack: () => Promise<void>;
  /** Replies to mail while it is gone. */
  readonly allowed: RegExp;
}

const REFUSED = /^45[12] 4\./;
/** A file that is open can be written to still: what is promised then is there when its name is back. */
const REFUSED_OR_KEPT = /^(?:250 2\.|45[12] 4\.)/;

/** No mail is promised while the storage is gone, everything is answered in time, and then all is as it was. */
async function goneFor(
  t: Test,
  lab: Lab,
  watch: StorageWatch,
  { seconds, take, giveBack, allowed }: Absence,
): Promise<void> {
  const before = watch.tries.length;
  await take();
  const goneMs = performance.now();
  const back = sleep(seconds * 1000).then(giveBack);
  let backMs = Number.POSITIVE_INFINITY;
  void back.then(() => (backMs = performance.now()));
  const idle = Promise.all(watch.idlers.map((session) => session.idle(back)));
  const answers: string[] = [];
  const isGone = (): boolean => backMs === Number.POSITIVE_INFINITY;
  const ask = async (session: Session): Promise<void> => {
    for (; isGone(); await sleep(PAUSE_MS))
      answers.push(
        await session.ask('STATUS INBOX (MESSAGES)'),
        await session.ask('NOOP'),
        await watch.flag(session),
      );
  };
  const logins: (string | undefined)[] = [];
  const logIn = async (account: Login): Promise<void> => {
    for (; isGone(); await sleep(PAUSE_MS)) logins.push(await watch.tryLogin(account));
  };
  await Promise.all([
    watch.mailUntil(back),
    ...watch.sessions.map(ask),
    ...watch.accounts.slice(0, 2).map(logIn),
    back,
  ]);
  const during = watch.tries
    .slice(before)
    .filter(({ startMs, endMs }) => startMs > goneMs + IN_FLIGHT_MS && endMs < backMs);
  t.comment(
    `gone for ${seconds} s: mail ${replies(during)}; sessions ${count(answers)}; log-ins ${count(logins)}`,
  );
  t.same(
    during.filter(({ reply }) => reply === undefined || !allowed.test(reply)),
    [],
    `${seconds} s: new mail gets 451 or 452`,
  );
  t.ok(
    slowest(watch.tries) < REFUSED_WITHIN_MS,
    `${seconds} s: in time: ${Math.round(slowest(watch.tries))} ms`,
  );
  if (seconds * 1000 > REFUSED_WITHIN_MS) t.ok(during.length > 0, `${seconds} s: mail was refused`);
  t.same(
    answers.filter((answer) => !/^(OK|NO \[UNAVAILABLE\])/.test(answer)),
    [],
    `${seconds} s: commands are done or get a temporary error`,
  );
  t.same(
    logins.filter((answer) => !/^(OK|NO \[UNAVAILABLE\])/.test(answer ?? '')),
    [],
    `${seconds} s: no password is called wrong`,
  );
  await servedAgain(t, lab, watch);
  await idle;
}

/** In time, by the same sessions and processes, with all that was promised. */
async function servedAgain(t: Test, lab: Lab, watch: StorageWatch): Promise<void> {
  const ms = await watch.allServed();
  t.ok(ms < SERVED_WITHIN_MS, `everything is served again after ${Math.round(ms)} ms`);
  const sessions = [...watch.sessions, ...watch.idlers];
  t.equal(sessions.filter(({ isClosed }) => isClosed).length, 0, 'no session was closed');
  t.same(await watch.exited(lab), [], 'no process exited');
  t.same(await watch.missing(), [], 'nothing acknowledged is lost');
}

/** Why such a storage cannot be had here: tap shows it beside the test that was not run. */
async function cannot(kind: Kind): Promise<string | false> {
  const why = await mountingFails(kind);
  return why === undefined ? false : `no ${kind} can be mounted here: ${why}`;
}

function mountIt(kind: Kind, mebibytes: number, mounted: Mount[]): Prepare {
  return async (base) => {
    const mount = await Mount.make(kind, base, mebibytes);
    mounted.push(mount);
    return () => mount.unmount();
  };
}

/** To the last block. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (const octets of [MIB, 4096]) {
      const block = Buffer.alloc(octets, 1);
      for (let isFull = false; !isFull; )
        isFull = await file.write(block).then(
          ({ bytesWritten }) => bytesWritten < octets,
          (error: NodeJS.ErrnoException) => {
            if (error.code === 'ENOSPC') return true;
            throw error;
          },
        );
    }
  } finally {
    await file.close();
  }
}

/** The last reply for each account: the first messages may find room in blocks that are there. */
async function mailUntilRefused(watch: StorageWatch): Promise<readonly Try[]> {
  for (let round = 0; ; round++) {
    const tries = await watch.mailOnce();
    if (tries.every(({ reply }) => reply?.startsWith('452')) || round === 5) return tries;
  }
}

/** The first refusal, or the last answer. */
async function refusedChange(session: Session): Promise<string> {
  let answer = '';
  for (let i = 0; i < CHANGES_MAX; i++) {
    answer = await session.ask(`STORE 1 ${i % 2 === 0 ? '+' : '-'}FLAGS.SILENT (full)`);
    if (!answer.startsWith('OK')) return answer;
  }
  return answer;
}

interface Created {
  readonly made: readonly string[];
  /** The first that was refused, and how. */
  readonly name: string;
  readonly answer: string;
}

/** A name's slot may have room in its last block. */
async function createUntilRefused(cli: Cli): Promise<Created> {
  const made: string[] = [];
  for (;;) {
    const name = `full${made.length}@lab.example`;
    const answer = await cli.run(`CREATEACCOUNT ${name}`);
    if (!answer.startsWith('200') || made.length === CHANGES_MAX) return { made, name, answer };
    made.push(name);
  }
}

function slowest(tries: readonly Try[]): number {
  return Math.max(...tries.map(({ startMs, endMs }) => endMs - startMs));
}

function replies(tries: readonly Try[]): string {
  return count(tries.map(({ reply }) => reply));
}

/** `451 4.3.0 × 3, none × 1`: by their first two words. */
function count(answers: readonly (string | undefined)[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers) {
    const words = answer?.split(' ').slice(0, 2).join(' ') ?? 'none';
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].map(([words, times]) => `${words} × ${times}`).join(', ');
}
