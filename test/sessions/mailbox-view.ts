/**
 * What a mail program believes of its selected mailbox from nothing but what it was told: which message stands at which
 * number, with which flags (RFC 3501 sections 2.3.1.2, 7.3.1, 7.4.1, 7.4.2). Whatever cannot be true of a mailbox is a
 * complaint.
 */
export interface Seen {
  readonly uid: number | undefined;
  /** In one order and case, without \Recent, which is another for every session. */
  readonly flags: string | undefined;
}

/** As a fresh session finds it. */
export interface Found {
  readonly uid: number;
  readonly flags: string;
}

/** Commands that name messages by number: no EXPUNGE may be told while one runs (RFC 3501 section 7.4.1). */
const BY_NUMBER = /^(?:FETCH|STORE|SEARCH)\b/;

export class MailboxView {
  readonly complaints: string[] = [];
  readonly #messages: Seen[] = [];

  get exists(): number {
    return this.#messages.length;
  }

  /** Numbers of messages of which UID or flags are not known. */
  get unknown(): readonly number[] {
    return this.#messages.flatMap(({ uid, flags }, index) =>
      uid === undefined || flags === undefined ? [index + 1] : [],
    );
  }

  uidOf(number: number): number | undefined {
    return this.#messages[number - 1]?.uid;
  }

  flagsOf(number: number): string | undefined {
    return this.#messages[number - 1]?.flags;
  }

  /** A mailbox is about to be selected. */
  reset(): void {
    this.#messages.length = 0;
  }

  /** Takes an untagged response that came while `command` ran. */
  told(text: string, command: string): void {
    const numbered = /^\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \((.*)\))?$/s.exec(text);
    if (numbered === null) return;
    const number = Number(numbered[1]);
    switch (numbered[2]) {
      case 'EXISTS':
        if (number < this.exists) this.#complain(`${text} with ${this.exists} messages, during ${command}`);
        while (this.exists < number) this.#messages.push({ uid: undefined, flags: undefined });
        break;
      case 'EXPUNGE':
        if (number < 1 || number > this.exists) this.#complain(`${text} of ${this.exists} messages`);
        if (BY_NUMBER.test(command)) this.#complain(`${text} during ${command}`);
        this.#messages.splice(number - 1, 1);
        break;
      default:
        this.#fetched(number, numbered[3] ?? '', text);
    }
  }

  /** What differs from the mailbox as it is; nothing when the view is right. */
  compare(found: readonly Found[]): string[] {
    const wrong: string[] = [];
    if (found.length !== this.exists) wrong.push(`${this.exists} messages, there are ${found.length}`);
    for (const [index, { uid, flags }] of found.entries()) {
      const seen = this.#messages[index];
      if (seen === undefined) break;
      if (seen.uid !== uid) wrong.push(`number ${index + 1} has UID ${seen.uid}, it is ${uid}`);
      else if (seen.flags !== flags) wrong.push(`UID ${uid} has flags (${seen.flags}), they are (${flags})`);
    }
    return wrong;
  }

  #fetched(number: number, items: string, text: string): void {
    const before = this.#messages[number - 1];
    if (before === undefined) return this.#complain(`${text} of ${this.exists} messages`);
    const uidText = /(?:^| )UID (\d+)/.exec(items)?.[1];
    const uid = uidText === undefined ? before.uid : Number(uidText);
    const flags = /(?:^| )FLAGS \(([^)]*)\)/.exec(items)?.[1];
    if (before.uid !== undefined && uid !== before.uid) this.#complain(`${text}: its UID was ${before.uid}`);
    if (uid !== undefined && before.uid === undefined) this.#checkOrder(number, uid, text);
    this.#messages[number - 1] = { uid, flags: flags === undefined ? before.flags : normalFlags(flags) };
  }

  /** RFC 3501 section 2.3.1.1: UIDs ascend with the numbers. */
  #checkOrder(number: number, uid: number, text: string): void {
    const below = this.#messages.slice(0, number - 1).findLast((each) => each.uid !== undefined)?.uid ?? 0;
    const above = this.#messages.slice(number).find((each) => each.uid !== undefined)?.uid ?? Infinity;
    if (uid <= below || uid >= above) this.#complain(`${text} stands between UIDs ${below} and ${above}`);
  }

  #complain(what: string): void {
    this.complaints.push(what);
  }
}

export function normalFlags(list: string): string {
  return list
    .toLowerCase()
    .split(' ')
    .filter((flag) => flag !== '' && flag !== '\\recent')
    .sort()
    .join(' ');
}
