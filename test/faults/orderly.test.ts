/**
 * Members that are told to stop: clients hear of it or notice nothing, a drain loses nothing and status 0 says so, a second
 * signal stops at once.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Address } from '../../src/platform/platform.ts';
import { descendantsOf, isGone, Lab, type Login, stateOf, until } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';
import { Member } from '../support/member.ts';
import { controllerOf } from './killer.ts';
import { bodyOf } from './load.ts';
import { readInbox } from './mailbox.ts';
import { Session } from './session.ts';
import { tryMail } from './smtp-try.ts';

const LAB = ['--backends', '2', '--frontends', '2', '--accounts', '6'];
const BACKENDS = ['be1', 'be2'];
const PATIENCE_MS = 30_000;
const GONE_WITHIN_MS = 1000;
/** Slots move one by one, each in a moment; the rest is a loaded machine. */
const MOVED_WITHIN_MS = 3000;
const PAUSE_MS = 20;
/** Later than what counts as the same signal twice (src/member/signals.ts). */
const SECOND_SIGNAL_MS = 200;

void t.test('told to stop', { timeout: 240_000 }, async (t) => {
  const lab = await Lab.start(LAB);
  t.teardown(() => lab.stop());
  const [account] = (await lab.file()).accounts as [Login];
  const frontend = await doorsOf(lab, 'fe1');

  void t.test('a frontend lets its clients end', async (t) => {
    const { smtp, imap, pwd } = frontend;
    await lab.act('stop', 'fe1');
    const member = await run(t, lab, 'fe1', '--ClusterFrontend');
    const workers = (await member.status()).workers;
    const idler = await Session.open(imap, account);
    const selected = await Session.open(imap, account);
    await idler.startIdle();
    const quiet = await greeted(smtp);
    const script = await LineClient.connect(pwd, PATIENCE_MS);
    await script.line();
    const sender = await inData(smtp, account);

    member.terminate();
    t.match(await selected.goodbye(), /^\* BYE /, 'an IMAP session hears BYE (RFC 9051 section 7.1.5)');
    t.match(await idler.goodbye(), /^\* BYE /, 'one in IDLE too');
    sender.send('Subject: during the drain\r\n\r\nlast words\r\n.\r\n');
    t.match(await sender.reply(), /^250 /, 'a message that was on its way is taken');
    t.match(await quiet.reply(), /^421 /, 'an idle SMTP connection hears 421 (RFC 5321 section 3.8)');
    t.match(await script.line(), /^\d{3} .*stopping/, 'a script is told');
    t.same(await member.ended, { status: 0, signal: null });
    for (const pid of workers) t.ok(await isGone(pid), 'its workers are gone');
    await t.rejects(LineClient.connect(smtp, PATIENCE_MS), 'nobody listens');
    const inbox = await readInbox(await lab.service('fe2', 'imap'), account);
    t.ok(
      inbox.messages.some(({ subject }) => subject === 'during the drain'),
      'that message is there',
    );
    for (const each of [quiet, script, sender, idler, selected]) each.close();
  });

  void t.test('a second signal stops it at once', async (t) => {
    const { smtp } = frontend;
    const member = await run(t, lab, 'fe1', '--ClusterFrontend');
    const pids = await descendantsOf(member.pid);
    const sender = await inData(smtp, account);
    member.terminate();
    await until(async () => (await member.status()).state === 'stopping');
    await sleep(SECOND_SIGNAL_MS);
    t.notOk(await isGone(member.pid), 'it waits for the message that is on its way');
    const startMs = performance.now();
    member.terminate();
    const { status, signal } = await member.ended;
    t.same([status, signal], [1, null], 'a status that says that it was not done');
    await until(async () => (await Promise.all(pids.map(isGone))).every(Boolean), GONE_WITHIN_MS);
    t.ok(
      performance.now() - startMs < GONE_WITHIN_MS,
      `gone after ${Math.round(performance.now() - startMs)} ms`,
    );
    sender.close();
    await lab.act('start', 'fe1');
  });

  void t.test('a backend’s accounts move away, unnoticed', async (t) => {
    const controller = await controllerOf(lab, BACKENDS);
    const other = BACKENDS.find((name) => name !== controller)!;
    await unnoticed(t, lab, `${controller}, the controller`, () => lab.act('stop', controller));
    t.equal((await lab.member(controller)).pid, null, 'lab.json says that it is stopped');
    t.same((await lab.member(controller)).workers, []);
    await until(async () => (await lab.status(other)).isController);
    await lab.act('start', controller);

    // One whose exit status we see, and that owns every account: the only one there is.
    await lab.act('stop', other);
    const member = await run(t, lab, other, '--ClusterBackend');
    await lab.act('stop', controller);
    await lab.act('start', controller);
    await unnoticed(t, lab, `${other} with every account`, async () => {
      member.terminate();
      t.same(await member.ended, { status: 0, signal: null }, 'status 0');
    });
    await lab.act('start', other);
  });

  void t.test('a paused one stops too, and all of them, and they start again', async (t) => {
    const { accounts } = await lab.file();
    const smtp = await lab.service('fe1', 'smtp');
    for (const { login } of accounts)
      t.match(await tryMail(smtp, { to: login, mark: 'before', body: bodyOf('before') }), /^250 /);
    const { pid, workers } = await lab.member('be1');
    await lab.act('pause', 'be1');
    for (const each of [pid!, ...workers]) t.equal(await stateOf(each), 'T', 'it stands still');
    await lab.act('stop', 'be1');
    await lab.act('stop', 'be2');
    t.match(
      await tryMail(smtp, { to: accounts[0]!.login, mark: 'nobody', body: '' }),
      /^451 /,
      'without backends mail waits at its sender',
    );
    await Promise.all(BACKENDS.map((name) => lab.act('start', name)));
    const imap = await lab.service('fe2', 'imap');
    for (const account of accounts) {
      const { messages } = await readInbox(imap, account);
      t.equal(
        messages.filter(({ subject }) => subject === 'before').length,
        1,
        `${account.login} has its mail`,
      );
    }
  });

  await t.test('the lab itself', async (t) => {
    const all = await lab.processes();
    t.equal(await lab.stop(), 0, 'status 0');
    for (const pid of all) t.ok(await isGone(pid), 'nothing is left');
  });
});

/** A member that the lab has stopped, as our own child, whose exit status we get. */
async function run(t: Test, lab: Lab, name: string, flag: string): Promise<Member> {
  const member = Member.run(t, join(lab.base, name), [flag]);
  await member.ready();
  return member;
}

interface Doors {
  readonly smtp: Address;
  readonly imap: Address;
  readonly pwd: Address;
}

async function doorsOf(lab: Lab, name: string): Promise<Doors> {
  const [smtp, imap, pwd] = await Promise.all(['smtp', 'imap', 'pwd'].map((each) => lab.service(name, each)));
  return { smtp: smtp!, imap: imap!, pwd: pwd! };
}

/**
 * While a backend drains no session is closed, no mail is refused and nobody waits long. A command of which the client has
 * seen a part, as news of mail may be one, gets a temporary error when its account moves (architecture, section 3); others are
 * not.
 */
async function unnoticed(t: Test, lab: Lab, who: string, drain: () => Promise<void>): Promise<void> {
  const { accounts } = await lab.file();
  const smtp = await lab.service('fe2', 'smtp');
  const imap = await lab.service('fe2', 'imap');
  const sessions = await Promise.all(accounts.map((account) => Session.open(imap, account)));
  const mailed = accounts.slice(accounts.length / 2);
  let isOver = false;
  const waitsMs: number[] = [];
  const timed = async (ask: () => Promise<string | undefined>): Promise<readonly (string | undefined)[]> => {
    const refused: (string | undefined)[] = [];
    for (; !isOver; await sleep(PAUSE_MS)) {
      const startMs = performance.now();
      const answer = await ask();
      waitsMs.push(performance.now() - startMs);
      if (answer === undefined || !/^(OK|250) /.test(answer)) refused.push(answer);
    }
    return refused;
  };
  let count = 0;
  const mail = (to: string) => () => tryMail(smtp, { to, mark: `moved-${count++}`, body: '' });
  const changes = sessions.map((session) => timed(() => session.ask('UID STORE 1:* +FLAGS.SILENT (moved)')));
  const mails = mailed.map(({ login }) => timed(mail(login)));
  await drain();
  isOver = true;
  const refusedMail = (await Promise.all(mails)).flat();
  const refusedChanges = await Promise.all(changes);
  t.comment(`${who}: ${waitsMs.length} answers, the longest wait ${Math.round(Math.max(...waitsMs))} ms`);
  t.ok(waitsMs.length > accounts.length, 'there was a load');
  t.same(refusedMail, [], `${who}: no mail is refused`);
  t.same(refusedChanges.slice(0, -mailed.length).flat(), [], `${who}: no command is refused`);
  for (const refused of refusedChanges.slice(-mailed.length)) {
    t.ok(refused.length <= 1, `${who}: ${refused.length} refused of a session that is told of new mail`);
    t.same(
      refused.filter((answer) => answer?.startsWith('NO [UNAVAILABLE]') !== true),
      [],
      `${who}: and only with a temporary error`,
    );
  }
  t.equal(sessions.filter(({ isClosed }) => isClosed).length, 0, `${who}: no session is closed`);
  t.ok(Math.max(...waitsMs) < MOVED_WITHIN_MS, `${who}: nobody waits long`);
  for (const session of sessions) session.close();
}

async function greeted(smtp: Address): Promise<LineClient> {
  const client = await LineClient.connect(smtp, PATIENCE_MS);
  await client.reply();
  client.send('EHLO writer.example\r\n');
  await client.reply();
  return client;
}

/** A client that was told to send its message, and has not. */
async function inData(smtp: Address, { login }: Login): Promise<LineClient> {
  const client = await greeted(smtp);
  for (const [command, code] of [
    ['MAIL FROM:<>', '250'],
    [`RCPT TO:<${login}>`, '250'],
    ['DATA', '354'],
  ] as const) {
    client.send(`${command}\r\n`);
    const reply = await client.reply();
    if (!reply.startsWith(code)) throw new Error(`${command}: ${reply}`);
  }
  return client;
}
