/**
 * All that clients of one account were promised or shown, and the check of every look at it: messages and keywords by
 * their fates, UIDs, UIDVALIDITY and mod-sequences as RFC 9051 section 2.3.1.1 and RFC 7162 section 3.1 want them. Marks
 * (subjects) tell which delivery a message is a copy of.
 */
import { Fate, Stage } from './fate.ts';

export interface SeenMessage {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: readonly string[];
  /** RFC 8474: the same for the same content. */
  readonly emailId: string;
  readonly mark: string;
}

/** One whole look at a mailbox: SELECT or NOOP, then FETCH of everything. */
export interface Look {
  readonly box: string;
  readonly uidValidity: number;
  readonly uidNext: number | undefined;
  readonly highestModseq: number | undefined;
  readonly messages: readonly SeenMessage[];
}

/** What was already certain when a look began. */
export interface Before {
  /** Whether the look, when it is over, is surely not older than its beginning. */
  readonly isFresh: () => boolean;
  readonly messages: ReadonlyMap<string, Stage>;
  readonly keywords: ReadonlyMap<string, Stage>;
  readonly arrived: ReadonlySet<Delivery>;
  readonly uidNext: ReadonlyMap<string, number>;
  readonly highestModseq: ReadonlyMap<string, number>;
}

export interface Delivery {
  readonly mark: string;
  /** Where it is put first. */
  readonly box: string;
  isAcknowledged: boolean;
  /** Tries that were not acknowledged: each may have left a copy. */
  failedTries: number;
  /** Copies that were seen, as `box/uid`, in the mailbox it was put into. */
  readonly copies: Set<string>;
  /** Copies of which somebody asked that they be moved away or expunged. */
  readonly leaving: Set<string>;
  readonly expunging: Set<string>;
}

interface Instance {
  readonly mark: string;
  readonly fate: Fate;
  readonly keywords: Map<string, Fate>;
  modseq: number;
  flags: string;
  emailId: string | undefined;
}

/** For a look that may be old: everything in it may have changed since. */
const NOTHING_CERTAIN: Omit<Before, 'isFresh'> = {
  messages: new Map(),
  keywords: new Map(),
  arrived: new Set(),
  uidNext: new Map(),
  highestModseq: new Map(),
};

export class MailboxLedger {
  readonly account: string;
  readonly deliveries = new Map<string, Delivery>();
  readonly #instances = new Map<string, Instance>();
  readonly #uidValidity = new Map<string, number>();
  readonly #uidNext = new Map<string, number>();
  readonly #highestModseq = new Map<string, number>();
  readonly #broken: (what: string) => void;
  checked = 0;

  constructor(account: string, broken: (what: string) => void) {
    this.account = account;
    this.#broken = (what) => broken(`${account}: ${what}`);
  }

  /** The acknowledged things that a look has to show. */
  get acknowledged(): number {
    let count = 0;
    for (const { isAcknowledged } of this.deliveries.values()) count += Number(isAcknowledged);
    for (const { keywords } of this.#instances.values())
      for (const fate of keywords.values()) count += Number(fate.least !== Stage.absent);
    return count;
  }

  sends(mark: string, box = 'INBOX'): Delivery {
    const delivery: Delivery = {
      mark,
      box,
      isAcknowledged: false,
      failedTries: 0,
      copies: new Set(),
      leaving: new Set(),
      expunging: new Set(),
    };
    this.deliveries.set(mark, delivery);
    return delivery;
  }

  before(isFresh: () => boolean): Before {
    const messages = new Map<string, Stage>();
    const keywords = new Map<string, Stage>();
    for (const [key, instance] of this.#instances) {
      messages.set(key, instance.fate.least);
      for (const [word, fate] of instance.keywords) keywords.set(`${key} ${word}`, fate.least);
    }
    return {
      isFresh,
      messages,
      keywords,
      arrived: new Set([...this.deliveries.values()].filter((each) => each.isAcknowledged)),
      uidNext: new Map(this.#uidNext),
      highestModseq: new Map(this.#highestModseq),
    };
  }

  /** A message was put at this UID, as COPYUID or APPENDUID says (RFC 4315). */
  appended(box: string, uidValidity: number, uid: number, mark: string): void {
    this.#validity(box, uidValidity);
    this.#instance(box, uid, mark).fate.answered(Stage.present);
  }

  /** MOVE was answered: the message is at its new UID with everything that was certainly set on it (RFC 6851). */
  moved(
    from: { readonly box: string; readonly uid: number },
    box: string,
    uidValidity: number,
    uid: number,
  ): void {
    const instance = this.#instances.get(keyOf(from.box, from.uid))!;
    this.appended(box, uidValidity, uid, instance.mark);
    for (const [word, fate] of instance.keywords)
      if (fate.least === Stage.present && fate.most === Stage.present)
        this.keyword(box, uid, word).answered(Stage.present);
  }

  keyword(box: string, uid: number, word: string): Fate {
    const instance = this.#instances.get(keyOf(box, uid))!;
    const fate = instance.keywords.get(word) ?? new Fate();
    instance.keywords.set(word, fate);
    return fate;
  }

  /** A keyword that nobody has used on this message, for a client to set. */
  unusedKeyword(box: string, uid: number, words: readonly string[]): string | undefined {
    const instance = this.#instances.get(keyOf(box, uid));
    return instance === undefined ? undefined : words.find((word) => !instance.keywords.has(word));
  }

  /** A keyword that is set for certain, and of which nobody asked that it be removed. */
  setKeyword(box: string, uid: number): string | undefined {
    for (const [word, fate] of this.#instances.get(keyOf(box, uid))?.keywords ?? [])
      if (fate.least === Stage.present && fate.most === Stage.present) return word;
    return undefined;
  }

  /** Somebody asks for a message to go, to another mailbox or for good. */
  leaves(box: string, uid: number, how: 'moves' | 'expunges'): { answered(): void } {
    const key = keyOf(box, uid);
    const instance = this.#instances.get(key)!;
    instance.fate.asked(Stage.gone);
    const delivery = this.deliveries.get(instance.mark);
    delivery?.leaving.add(key);
    if (how === 'expunges') delivery?.expunging.add(key);
    return { answered: () => instance.fate.answered(Stage.gone) };
  }

  /** Somebody asked for it to go. */
  mayBeGone(box: string, uid: number): boolean {
    return this.#instances.get(keyOf(box, uid))?.fate.most === Stage.gone;
  }

  /** What a client remembers of a message by its EMAILID; undefined when its subject has to be fetched. */
  subjectOf(box: string, uid: number, emailId: string): string | undefined {
    const instance = this.#instances.get(keyOf(box, uid));
    return instance?.emailId === emailId ? instance.mark : undefined;
  }

  /** One message as a response showed it, outside a whole look. */
  sawMessage(box: string, message: SeenMessage, before: Before): void {
    this.checked++;
    const { uid, mark, modseq } = message;
    const key = keyOf(box, uid);
    if (!this.deliveries.has(mark))
      return this.#broken(`${key} is ${JSON.stringify(mark)}, which nobody sent`);
    const instance = this.#instance(box, uid, mark);
    if (instance.mark !== mark) this.#broken(`UID ${key} was ${instance.mark} and is ${mark}`);
    instance.emailId ??= message.emailId;
    if (instance.emailId !== message.emailId)
      this.#broken(`${key} had EMAILID ${instance.emailId} and has ${message.emailId}`);
    const isKnown = instance.fate.least !== Stage.absent;
    // That anything comes here was asked for by whoever sent or moved it.
    instance.fate.asked(Stage.present);
    this.#wrong(key, instance.fate.seen(true, before.messages.get(key) ?? Stage.absent));
    const uidNext = before.uidNext.get(box);
    if (!isKnown && uidNext !== undefined && uid < uidNext && !before.messages.has(key))
      this.#broken(`${key} (${mark}) is new below UIDNEXT ${uidNext}`);
    this.#keywords(key, instance, message, before);
    const flags = [...message.flags]
      .filter((flag) => flag !== '\\Recent')
      .sort()
      .join(' ');
    if (modseq < instance.modseq) return; // an older look that was answered later
    if (modseq === instance.modseq && flags !== instance.flags && instance.flags !== '?')
      this.#broken(`${key} changed from ${instance.flags} to ${flags} with modseq ${modseq}`);
    instance.modseq = modseq;
    instance.flags = flags;
  }

  /** EXPUNGE was told of it (RFC 9051 section 7.5.1). */
  toldGone(box: string, uid: number): void {
    const key = keyOf(box, uid);
    const fate = this.#instances.get(key)?.fate;
    if (fate === undefined) return;
    if (fate.most !== Stage.gone) this.#broken(`EXPUNGE of ${key}, which nobody asked for`);
    fate.answered(Stage.gone);
  }

  /** A whole look at a mailbox that began with `before`. */
  looked(look: Look, begun: Before): void {
    const { box, messages } = look;
    const before = begun.isFresh() ? begun : { ...NOTHING_CERTAIN, isFresh: begun.isFresh };
    this.#validity(box, look.uidValidity);
    this.#grows(this.#uidNext, before.uidNext, box, look.uidNext, 'UIDNEXT');
    this.#grows(this.#highestModseq, before.highestModseq, box, look.highestModseq, 'HIGHESTMODSEQ');
    const there = new Set<string>();
    for (const message of messages) {
      const key = keyOf(box, message.uid);
      if (there.has(key)) this.#broken(`${key} is there twice`);
      there.add(key);
      this.sawMessage(box, message, before);
    }
    for (const [key, instance] of this.#instances) {
      if (there.has(key) || !key.startsWith(`${box}/`)) continue;
      this.checked++;
      this.#wrong(
        `${key} (${instance.mark})`,
        instance.fate.seen(false, before.messages.get(key) ?? Stage.absent),
      );
    }
    this.#arrivals(box, messages, before);
  }

  /** When nothing happens any more: both mailboxes as they are, each whole. */
  atRest(looks: readonly Look[]): void {
    const count = new Map<string, number>();
    for (const { messages } of looks)
      for (const { mark } of messages) count.set(mark, (count.get(mark) ?? 0) + 1);
    for (const delivery of this.deliveries.values()) {
      const { mark, isAcknowledged, failedTries, copies, expunging } = delivery;
      this.checked++;
      const now = count.get(mark) ?? 0;
      const most = Number(isAcknowledged) + failedTries;
      if (Math.max(now, copies.size) > most)
        this.#broken(`${mark} is there ${now} times, was seen ${copies.size} times, ${most} could be`);
      const least = Math.max(Number(isAcknowledged), copies.size) - expunging.size;
      if (now < least) this.#broken(`${mark} is there ${now} times, ${least} must be`);
    }
  }

  /** What was acknowledged before the look began is in its mailbox, unless somebody wanted it away. */
  #arrivals(box: string, messages: readonly SeenMessage[], before: Before): void {
    const marks = new Set(messages.map(({ mark }) => mark));
    for (const delivery of before.arrived) {
      if (delivery.box !== box) continue;
      this.checked++;
      if (!marks.has(delivery.mark) && delivery.leaving.size === 0)
        this.#broken(`${delivery.mark} was acknowledged and is not in ${box}`);
    }
  }

  #instance(box: string, uid: number, mark: string): Instance {
    const key = keyOf(box, uid);
    const known = this.#instances.get(key);
    if (known !== undefined) return known;
    const instance: Instance = {
      mark,
      fate: new Fate(),
      keywords: new Map<string, Fate>(),
      modseq: 0,
      flags: '?',
      emailId: undefined,
    };
    this.#instances.set(key, instance);
    const delivery = this.deliveries.get(mark);
    if (delivery?.box === box) delivery.copies.add(key);
    return instance;
  }

  #keywords(key: string, instance: Instance, message: SeenMessage, before: Before): void {
    const there = new Set(message.flags);
    for (const [word, fate] of instance.keywords) {
      this.checked++;
      const stage = before.keywords.get(`${key} ${word}`) ?? Stage.absent;
      this.#wrong(`${word} on ${key} (${instance.mark})`, fate.seen(there.has(word), stage));
    }
  }

  #validity(box: string, uidValidity: number): void {
    const known = this.#uidValidity.get(box) ?? uidValidity;
    this.#uidValidity.set(box, known);
    if (known !== uidValidity) this.#broken(`UIDVALIDITY of ${box} was ${known} and is ${uidValidity}`);
  }

  #grows(
    known: Map<string, number>,
    before: ReadonlyMap<string, number>,
    box: string,
    value: number | undefined,
    what: string,
  ): void {
    if (value === undefined) return;
    if (value < (before.get(box) ?? 0))
      this.#broken(`${what} of ${box} was ${before.get(box)} and is ${value}`);
    known.set(box, Math.max(value, known.get(box) ?? 0));
  }

  #wrong(what: string, problem: string | undefined): void {
    if (problem !== undefined) this.#broken(`${what} ${problem}`);
  }
}

function keyOf(box: string, uid: number): string {
  return `${box}/${uid}`;
}
