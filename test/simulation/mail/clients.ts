/**
 * The scripted clients. Each is a process on a machine that nobody harms, works until it is told to stop, and writes
 * down in the ledgers what it asks for before it asks, and what it was answered.
 */
import type { Platform } from '../../../src/platform/platform.ts';
import type { Prng } from '../../support/prng.ts';
import { DOMAIN, IMAP_PORT, PASSWORD } from './door.ts';
import { DoorClient } from './door-client.ts';
import { Stage } from './fate.ts';
import { type Fetched, ImapClient } from './imap-client.ts';
import { NoAnswer } from './line-client.ts';
import type { Before, Delivery, Look, MailboxLedger, SeenMessage } from './mailbox-ledger.ts';

export const BOXES = ['INBOX', 'Archive'] as const;
const KEYWORDS = Array.from({ length: 12 }, (_, i) => `kw${i}`);
const PAUSE_MS: readonly [number, number] = [5, 150];
const AFTER_FAILURE_MS = 60;

export interface ClientOptions {
  readonly platform: Platform;
  readonly random: Prng;
  /** Frontends. */
  readonly hosts: readonly string[];
  readonly broken: (what: string) => void;
  readonly stopped: () => boolean;
  /** Puts a line into the trace. */
  readonly note: (what: string) => void;
  /** See `Cluster.beginLook`. */
  readonly beginLook: () => () => boolean;
}

export abstract class Client {
  protected readonly platform: Platform;
  protected readonly random: Prng;
  protected readonly hosts: readonly string[];
  protected readonly broken: (what: string) => void;
  protected readonly isStopped: () => boolean;
  protected readonly beginLook: () => () => boolean;

  constructor(options: ClientOptions) {
    this.platform = options.platform;
    this.random = options.random;
    this.hosts = options.hosts;
    this.broken = options.broken;
    this.isStopped = options.stopped;
    this.beginLook = options.beginLook;
  }

  protected pause([low, high]: readonly [number, number] = PAUSE_MS): Promise<void> {
    return this.platform.clock.sleep(low + (high - low) * this.random.unit());
  }

  abstract run(): Promise<void>;
}

/** Sends marked messages to one account, each until it is accepted, as a mail server would. */
export class Mailer extends Client {
  readonly #door: DoorClient;
  readonly #ledger: MailboxLedger;
  readonly #name: string;
  #count = 0;

  constructor(options: ClientOptions, name: string, ledger: MailboxLedger) {
    super(options);
    this.#name = name;
    this.#ledger = ledger;
    this.#door = new DoorClient(
      options.platform,
      options.hosts,
      options.random.below(options.hosts.length),
      options.note,
    );
  }

  async run(): Promise<void> {
    while (!this.isStopped()) {
      const delivery = this.#ledger.sends(`${this.#name}-${this.#count++}`);
      while (!delivery.isAcknowledged && !this.isStopped()) await this.#try(delivery);
      await this.pause();
    }
    this.#door.close();
  }

  async #try(delivery: Delivery): Promise<void> {
    // Counted before: a look may see the copy before the answer is here.
    delivery.failedTries++;
    const reply = await this.#door.ask({
      do: 'deliver',
      to: this.#ledger.account,
      text: messageText(delivery.mark, this.random.below(900)),
    });
    if (reply?.kind === 'done') {
      delivery.failedTries--;
      delivery.isAcknowledged = true;
      return;
    }
    if (reply?.kind === 'reply' && reply.code >= 500)
      this.broken(`${this.#ledger.account}: ${reply.code} ${reply.why}`);
    if (reply?.kind === 'failed') this.broken(`deliver: ${reply.code} ${reply.why}`);
    await this.pause([AFTER_FAILURE_MS, 2 * AFTER_FAILURE_MS]);
  }
}

export function messageText(mark: string, octets: number): string {
  return `From: a@client.example\r\nSubject: ${mark}\r\n\r\n${'x'.repeat(octets)}\r\n`;
}

/** Looks at one account's mailboxes over IMAP; the one that `changes` sets flags, moves, expunges and appends too. */
export class Reader extends Client {
  readonly #ledger: MailboxLedger;
  readonly #changes: boolean;
  readonly #readsAll: boolean;
  readonly #name: string;
  #client: ImapClient | undefined;
  #tries: number;
  #appends = 0;
  /** Looks that were whole. */
  looks = 0;

  constructor(
    options: ClientOptions,
    name: string,
    ledger: MailboxLedger,
    does: 'changes' | 'watches' | 'reads all',
  ) {
    super(options);
    this.#name = name;
    this.#ledger = ledger;
    this.#changes = does === 'changes';
    this.#readsAll = does === 'reads all';
    this.#tries = options.random.below(options.hosts.length);
  }

  async run(): Promise<void> {
    while (!this.isStopped()) {
      try {
        await this.#turn();
        await this.pause();
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        this.close();
        await this.pause([AFTER_FAILURE_MS, 2 * AFTER_FAILURE_MS]);
      }
    }
    this.close();
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** Both mailboxes, newly selected; undefined when that failed. Also for the end of a run. */
  async lookAtAll(): Promise<readonly Look[] | undefined> {
    try {
      const client = await this.#loggedIn();
      if (client === undefined) return undefined;
      const looks: Look[] = [];
      for (const box of BOXES) {
        const look = await this.#selectAndLook(client, box);
        if (look === undefined) return undefined;
        looks.push(look);
      }
      return looks;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.close();
      return undefined;
    }
  }

  /** Makes the second mailbox; true when it is there. */
  async prepare(): Promise<boolean> {
    try {
      const client = await this.#loggedIn();
      const answer = await client?.command('CREATE Archive');
      return answer?.status === 'OK' || answer?.text.includes('ALREADYEXISTS') === true;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.close();
      return false;
    }
  }

  async #turn(): Promise<void> {
    const client = await this.#loggedIn();
    if (client === undefined) return;
    const box = this.random.pick(this.random.chance(0.75) ? ['INBOX'] : BOXES);
    const isNew = client.selected?.box !== box || this.random.chance(0.3);
    const look = isNew ? await this.#selectAndLook(client, box) : await this.#lookAgain(client);
    if (look === undefined) return this.pause([AFTER_FAILURE_MS, 2 * AFTER_FAILURE_MS]);
    if (this.#changes) await this.#change(client, look);
    else if (this.random.chance(0.2)) await this.#idle(client, look.box);
  }

  async #loggedIn(): Promise<ImapClient | undefined> {
    if (this.#client !== undefined && !this.#client.isOver) return this.#client;
    const to = { host: this.hosts[this.#tries++ % this.hosts.length]!, port: IMAP_PORT };
    const login = `${this.#ledger.account}@${DOMAIN}`;
    const { client, answer } = await ImapClient.logIn(this.platform, to, login, PASSWORD, this.broken);
    if (answer.status === 'OK') {
      this.#client = client;
      return client;
    }
    client.close();
    if (answer.text.includes('AUTHENTICATIONFAILED')) this.broken(`${login}: the right password is refused`);
    await this.pause([AFTER_FAILURE_MS, 2 * AFTER_FAILURE_MS]);
    return undefined;
  }

  async #selectAndLook(client: ImapClient, box: string): Promise<Look | undefined> {
    const before = this.#ledger.before(this.beginLook());
    const answer = await client.select(box);
    if (answer.text.includes('NONEXISTENT')) this.broken(`${box} is not there any more`);
    return answer.status === 'OK' ? this.#fetch(client, before, true) : undefined;
  }

  /** In the same session: NOOP tells everything (RFC 9051 section 6.1.2), so the look is as fresh as a SELECT. */
  async #lookAgain(client: ImapClient): Promise<Look | undefined> {
    const before = this.#ledger.before(this.beginLook());
    const answer = await client.command('NOOP');
    for (const uid of answer.expunged) this.#ledger.toldGone(client.selected!.box, uid);
    return answer.status === 'OK' ? this.#fetch(client, before, false) : undefined;
  }

  async #fetch(client: ImapClient, before: Before, isSelected: boolean): Promise<Look | undefined> {
    const { box, uidValidity, uidNext, highestModseq } = client.selected!;
    const { exists } = client;
    const answer = await client.fetchAll();
    for (const uid of answer.expunged) this.#ledger.toldGone(box, uid);
    const messages =
      answer.status === 'OK' ? await this.#withSubjects(client, box, answer.fetched) : undefined;
    if (messages === undefined || (exists === 0 && client.exists > 0)) return undefined;
    const look: Look = {
      box,
      uidValidity,
      uidNext: isSelected ? uidNext : undefined,
      highestModseq: isSelected ? highestModseq : undefined,
      messages,
    };
    this.looks++;
    this.#ledger.looked(look, before);
    return look;
  }

  /** Fetches the subjects that nobody knows yet, and now and then one that is known, to see that it is the same. */
  async #withSubjects(
    client: ImapClient,
    box: string,
    fetched: readonly Fetched[],
  ): Promise<readonly SeenMessage[] | undefined> {
    const subjects = new Map<number, string>();
    const wanted: number[] = [];
    for (const { uid, emailId } of fetched) {
      const known = this.#ledger.subjectOf(box, uid, emailId ?? '');
      if (known !== undefined) subjects.set(uid, known);
      if (known === undefined || this.#readsAll || this.random.chance(0.05)) wanted.push(uid);
    }
    if (wanted.length > 0) {
      const answer = await client.fetchSubjects(wanted);
      for (const uid of answer.expunged) this.#ledger.toldGone(box, uid);
      if (answer.status !== 'OK') return undefined;
      for (const { uid, subject } of answer.fetched) if (subject !== undefined) subjects.set(uid, subject);
    }
    // One that went between the two commands cannot be told what it was: it counts as not seen.
    return fetched.flatMap(({ uid, modseq, flags, emailId }) => {
      const mark = subjects.get(uid);
      return modseq === undefined || flags === undefined || emailId === undefined || mark === undefined
        ? []
        : [{ uid, modseq, flags, emailId, mark }];
    });
  }

  async #idle(client: ImapClient, box: string): Promise<void> {
    const answer = await client.idle(this.platform, 20 + this.random.below(400));
    for (const uid of answer.expunged) this.#ledger.toldGone(box, uid);
  }

  async #change(client: ImapClient, { box, messages }: Look): Promise<void> {
    const message = messages.length === 0 ? undefined : this.random.pick(messages);
    const choice = this.random.unit();
    if (message === undefined || choice < 0.12) return this.#append(client);
    if (choice < 0.6) return this.#setKeyword(client, box, message.uid);
    if (choice < 0.75) return this.#clearKeyword(client, box, message.uid);
    // Archive only fills, so that every message that was moved is found there.
    if (box !== 'INBOX') return;
    if (choice < 0.92) return this.#move(client, message.uid);
    return this.#expunge(client, message.uid);
  }

  async #append(client: ImapClient): Promise<void> {
    const delivery = this.#ledger.sends(`${this.#name}-a${this.#appends++}`);
    delivery.failedTries++;
    const answer = await client.append('INBOX', messageText(delivery.mark, this.random.below(300)));
    if (answer.status !== 'OK') return;
    delivery.failedTries--;
    delivery.isAcknowledged = true;
    const code = /\[APPENDUID (\d+) (\d+)\]/.exec(answer.text);
    if (code === null) this.broken(`APPEND without APPENDUID: ${answer.text}`);
    else this.#ledger.appended('INBOX', Number(code[1]), Number(code[2]), delivery.mark);
  }

  async #setKeyword(client: ImapClient, box: string, uid: number): Promise<void> {
    const word = this.#ledger.unusedKeyword(box, uid, KEYWORDS);
    if (word === undefined) return;
    const fate = this.#ledger.keyword(box, uid, word);
    fate.asked(Stage.present);
    const answer = await client.command(`UID STORE ${uid} +FLAGS.SILENT (${word})`);
    // OK is also said of a message that is gone: RFC 9051 section 6.4.9, a UID that is not there is no error.
    if (answer.status === 'OK' && this.#isThere(box, uid)) fate.answered(Stage.present);
  }

  async #clearKeyword(client: ImapClient, box: string, uid: number): Promise<void> {
    const word = this.#ledger.setKeyword(box, uid);
    if (word === undefined) return;
    const fate = this.#ledger.keyword(box, uid, word);
    fate.asked(Stage.gone);
    const answer = await client.command(`UID STORE ${uid} -FLAGS.SILENT (${word})`);
    if (answer.status === 'OK' && this.#isThere(box, uid)) fate.answered(Stage.gone);
  }

  /** Nobody but this client takes messages away, so its own word is enough. */
  #isThere(box: string, uid: number): boolean {
    return !this.#ledger.mayBeGone(box, uid);
  }

  async #move(client: ImapClient, uid: number): Promise<void> {
    const leaves = this.#ledger.leaves('INBOX', uid, 'moves');
    const answer = await client.command(`UID MOVE ${uid} Archive`);
    for (const gone of answer.expunged) this.#ledger.toldGone('INBOX', gone);
    if (answer.status !== 'OK') return;
    leaves.answered();
    const code = /\[COPYUID (\d+) (\d+) (\d+)\]/.exec([answer.text, ...answer.untagged].join('\n'));
    const from = { box: 'INBOX', uid };
    if (code !== null) this.#ledger.moved(from, 'Archive', Number(code[1]), Number(code[3]));
  }

  async #expunge(client: ImapClient, uid: number): Promise<void> {
    const leaves = this.#ledger.leaves('INBOX', uid, 'expunges');
    const stored = await client.command(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
    if (stored.status !== 'OK') return;
    const answer = await client.command(`UID EXPUNGE ${uid}`);
    for (const gone of answer.expunged) this.#ledger.toldGone('INBOX', gone);
    if (answer.status === 'OK') leaves.answered();
  }
}
