/**
 * An account as one would write it without a thought for speed, disks or records: what the real one is compared with.
 * Mailboxes by name; a name that cannot be selected is a superior of one that can be and is none itself.
 */
export interface ModelMessage {
  readonly uid: number;
  flags: readonly string[];
  readonly text: string;
}

export interface ModelMailbox {
  readonly serial: number;
  uidNext: number;
  messages: ModelMessage[];
}

export class Model {
  mailboxes = new Map<string, ModelMailbox>([['INBOX', { serial: 0, uidNext: 1, messages: [] }]]);
  subscriptions = new Set<string>(['INBOX']);
  properties = new Map<string, string>();
  #serial = 0;

  /** Selectable names and their superiors, sorted, those not selectable in brackets. */
  names(): string[] {
    return [...new Set([...this.mailboxes.keys(), ...[...this.mailboxes.keys()].flatMap(superiors)])]
      .sort()
      .map((name) => (this.mailboxes.has(name) ? name : `(${name})`));
  }

  create(name: string): string {
    if (this.mailboxes.has(name)) return 'exists';
    for (const superior of superiors(name)) if (!this.#known(superior)) this.#add(superior);
    this.#add(name);
    return 'ok';
  }

  delete(name: string): string {
    if (name === 'INBOX') return 'invalid';
    if (!this.mailboxes.has(name)) return this.#known(name) ? 'invalid' : 'not-found';
    this.mailboxes.delete(name);
    return 'ok';
  }

  rename(from: string, to: string): string {
    if (!this.#known(from)) return 'not-found';
    if (this.#known(to)) return 'exists';
    if (from !== 'INBOX' && to.startsWith(`${from}/`)) return 'invalid';
    const missing = superiors(to).filter((superior) => !this.#known(superior));
    if (from === 'INBOX') {
      const { messages } = this.#at('INBOX');
      this.#at('INBOX').messages = [];
      this.create(to);
      for (const { flags, text } of messages) this.append(to, flags, text);
      return 'ok';
    }
    const moving = [...this.mailboxes].filter(([name]) => name === from || name.startsWith(`${from}/`));
    for (const [name] of moving) this.mailboxes.delete(name);
    for (const superior of missing) this.#add(superior);
    for (const [name, mailbox] of moving) this.mailboxes.set(to + name.slice(from.length), mailbox);
    return 'ok';
  }

  append(name: string, flags: readonly string[], text: string): number {
    const mailbox = this.#at(name);
    mailbox.messages.push({ uid: mailbox.uidNext, flags, text });
    return mailbox.uidNext++;
  }

  store(name: string, uids: readonly number[], mode: string, flags: readonly string[]): number[] {
    const changed: number[] = [];
    for (const message of this.#at(name).messages) {
      if (!uids.includes(message.uid)) continue;
      const kept = mode === 'replace' ? [] : message.flags.filter((flag) => !flags.includes(flag));
      const next = mode === 'remove' ? kept : [...kept, ...flags];
      if (String(next.toSorted()) !== String(message.flags.toSorted())) changed.push(message.uid);
      message.flags = next;
    }
    return changed;
  }

  copy(from: string, uids: readonly number[], to: string): number[][] {
    const some = this.#at(from).messages.filter(({ uid }) => uids.includes(uid));
    return some.map(({ uid, flags, text }) => [uid, this.append(to, flags, text)]);
  }

  move(from: string, uids: readonly number[], to: string): number[][] {
    const pairs = this.copy(from, uids, to);
    const gone = new Set(pairs.map(([uid]) => uid));
    this.#at(from).messages = this.#at(from).messages.filter(({ uid }) => !gone.has(uid));
    return pairs;
  }

  expunge(name: string, uids?: readonly number[]): number[] {
    const mailbox = this.#at(name);
    const gone = mailbox.messages
      .filter(({ uid, flags }) => flags.includes('\\Deleted') && (uids?.includes(uid) ?? true))
      .map(({ uid }) => uid);
    mailbox.messages = mailbox.messages.filter(({ uid }) => !gone.includes(uid));
    return gone;
  }

  #add(name: string): void {
    this.mailboxes.set(name, { serial: ++this.#serial, uidNext: 1, messages: [] });
  }

  #known(name: string): boolean {
    return this.names().some((known) => known === name || known === `(${name})`);
  }

  #at(name: string): ModelMailbox {
    const mailbox = this.mailboxes.get(name);
    if (mailbox === undefined) throw new Error(`the model has no ${name}`);
    return mailbox;
  }
}

function superiors(name: string): string[] {
  const levels = name.split('/');
  return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join('/'));
}
