/**
 * One account as its clients on both sides of a cut see it: a session at each frontend appends messages and asks for STATUS, one
 * after the other. Whatever is answered must be what one owner would have answered: every UID is given once and in order, and
 * an answer never says less than what was acknowledged to anybody before the question was asked. So an answer by an owner
 * that was deposed is found, whether it took a message or only told of the mailbox.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Door } from '../faults/load.ts';
import { Session } from '../faults/session.ts';
import type { Login } from '../support/lab.ts';

/** Between two questions of one session. */
const PACE_MS = 60;
/** Where there are many, or the machine is slow: longer. */
interface Pace {
  readonly paceMs?: number;
}
/** After a session that ended, or none that began. */
const AGAIN_MS = 150;

export interface Appended {
  readonly uid: number;
  readonly mark: string;
}

/** One question, or one try to log in, and what came of it. */
export interface Answer {
  readonly door: string;
  readonly startMs: number;
  readonly endMs: number;
  /** The tagged response without its tag; undefined: the connection ended. */
  readonly text: string | undefined;
}

export function isServed({ text }: Answer): boolean {
  return text?.startsWith('OK') === true;
}

export class Register {
  readonly account: Login;
  readonly acknowledged: Appended[] = [];
  readonly violations: string[] = [];
  readonly answers: Answer[] = [];
  readonly #doors: readonly Door[];
  readonly #paceMs: number;
  readonly #uids = new Set<number>();
  #uidValidity: string | undefined;
  #highest = 0;
  #marks = 0;

  constructor(account: Login, doors: readonly Door[], { paceMs = PACE_MS }: Pace = {}) {
    this.account = account;
    this.#paceMs = paceMs;
    this.#doors = doors;
  }

  async run(until: () => boolean): Promise<void> {
    await Promise.all(this.#doors.map((door) => this.#side(door, until)));
  }

  async #side(door: Door, until: () => boolean): Promise<void> {
    while (!until()) {
      const session = await this.#open(door);
      if (session === undefined) await sleep(AGAIN_MS);
      else await this.#use(session, door, until).finally(() => session.close());
    }
  }

  async #open(door: Door): Promise<Session | undefined> {
    const startMs = performance.now();
    const tell = (text: string | undefined): void => {
      this.answers.push({ door: door.name, startMs, endMs: performance.now(), text });
    };
    try {
      const session = await Session.open(door, this.account);
      // STATUS of a mailbox that is not selected: what is there, not what this session was told of.
      const answer = await session.ask('UNSELECT');
      tell(answer);
      return session;
    } catch (error) {
      // `LOGIN: NO …`, or a connection that ended.
      tell(/^\w+: ((?:NO|BAD) .*)/.exec((error as Error).message)?.[1]);
      return undefined;
    }
  }

  async #use(session: Session, door: Door, until: () => boolean): Promise<void> {
    for (let count = 0; !until(); count++) {
      const startMs = performance.now();
      let text: string | undefined;
      try {
        text = await (count % 2 === 0 ? this.#append(session, door) : this.#status(session));
      } catch {
        // The session is over; what it asked for may have been done.
      }
      this.answers.push({ door: door.name, startMs, endMs: performance.now(), text });
      if (text === undefined) return;
      await sleep(this.#paceMs);
    }
  }

  async #append(session: Session, { name }: Door): Promise<string> {
    const before = this.#highest;
    const mark = `register-${name}-${this.#marks++}`;
    const answer = await session.append(`Subject: ${mark}\r\n\r\n${mark}`);
    if (!answer.startsWith('OK')) return answer;
    const [, uidValidity, uidText] = /\[APPENDUID (\d+) (\d+)\]/.exec(answer) ?? [];
    const uid = Number(uidText);
    this.#uidValidity ??= uidValidity;
    if (uidValidity !== this.#uidValidity)
      this.#wrong(`UIDVALIDITY ${this.#uidValidity} became ${uidValidity}`);
    if (this.#uids.has(uid)) this.#wrong(`UID ${uid} was given twice, the second time at ${name}`);
    // RFC 9051 section 2.3.1.1: it is above every UID that was given before this APPEND was begun.
    if (!(uid > before)) this.#wrong(`UID ${uid} was given at ${name} after ${before}`);
    this.#uids.add(uid);
    this.#highest = Math.max(this.#highest, uid);
    this.acknowledged.push({ uid, mark });
    return answer;
  }

  async #status(session: Session): Promise<string> {
    const highest = this.#highest;
    const count = this.acknowledged.length;
    const lines = await session.lines('STATUS INBOX (MESSAGES UIDNEXT)');
    const answer = lines.at(-1)!;
    if (!answer.startsWith('OK')) return answer;
    const [, messages, uidNext] = /MESSAGES (\d+) UIDNEXT (\d+)/.exec(lines.join(' ')) ?? [];
    if (!(Number(messages) >= count))
      this.#wrong(`STATUS tells of ${messages} messages after ${count} were acknowledged`);
    if (!(Number(uidNext) > highest))
      this.#wrong(`STATUS tells of UIDNEXT ${uidNext} after UID ${highest} was given`);
    return answer;
  }

  #wrong(what: string): void {
    this.violations.push(`${this.account.login}: ${what}`);
  }
}
