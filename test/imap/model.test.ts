/**
 * Several clients at one mailbox, each of which believes what it is told and works out what it need not be told (RFC 3501
 * sections 5.2, 6.4.6, 7.3.1, 7.4): random commands, seeded. Whenever all have asked for news, each must know the messages
 * and flags as they are; and no message is \Recent to two of them.
 */
import t, { type Test } from 'tap';
import type { LineClient } from '../support/line-client.ts';
import { Prng } from '../support/prng.ts';
import { ImapBed } from './bed.ts';

const SEED = Number(process.env.FUZZ_SEED ?? 7);
const ROUNDS = 25;
const STEPS = 12;
const CLIENTS = 3;
const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '\\Deleted', '$Work'];

interface Believed {
  uid: number;
  flags: ReadonlySet<string>;
}

class Believer {
  readonly #client: LineClient;
  readonly #t: Test;
  /** As many as EXISTS; undefined where it knows of a message no more than that it is there. */
  messages: (Believed | undefined)[] = [];
  readonly recent = new Set<number>();
  #tag = 0;

  constructor(t: Test, client: LineClient) {
    this.#t = t;
    this.#client = client;
  }

  get exists(): number {
    return this.messages.length;
  }

  /** Runs a command; `mayExpunge` is false where no EXPUNGE may come. */
  async run(command: string, mayExpunge = true): Promise<void> {
    const tag = `t${++this.#tag}`;
    this.#client.send(`${tag} ${command}\r\n`);
    for (const line of await this.#client.until(tag)) {
      if (line.startsWith(`${tag} `)) {
        if (!/ (OK|NO) /.test(line)) this.#t.fail(`${command}: ${line}`);
      } else this.#hear(line, command, mayExpunge);
    }
    // What it knows nothing of, it asks for; it may have been expunged meanwhile, and not told.
    const hole = this.messages.indexOf(undefined);
    const isAsking = command.startsWith('FETCH');
    if (hole >= 0 && !isAsking) await this.run(`FETCH ${hole + 1}:${this.exists} (UID FLAGS)`, false);
  }

  #hear(line: string, command: string, mayExpunge: boolean): void {
    const [, number, what, rest = ''] = /^\* (\d+) (EXISTS|EXPUNGE|RECENT|FETCH) ?(.*)$/.exec(line) ?? [];
    const sequence = Number(number);
    if (what === 'EXISTS') {
      if (sequence < this.exists) this.#t.fail(`${command}: EXISTS shrinks: ${line}`);
      while (this.messages.length < sequence) this.messages.push(undefined);
    } else if (what === 'EXPUNGE') {
      if (!mayExpunge || sequence > this.exists) this.#t.fail(`${command}: ${line}`);
      this.messages.splice(sequence - 1, 1);
    } else if (what === 'FETCH') {
      const uid = Number(/UID (\d+)/.exec(rest)?.[1]);
      const flags = /FLAGS \(([^)]*)\)/.exec(rest)?.[1]?.split(' ').filter(Boolean) ?? [];
      const known = this.messages[sequence - 1];
      // RFC 7162 section 3.1.3: a modseq without flags, as the client knows them.
      if (!rest.includes('FLAGS')) return;
      if (known !== undefined && known.uid !== uid) this.#t.fail(`${command}: another message at ${line}`);
      if (flags.includes('\\Recent')) this.recent.add(uid);
      this.messages[sequence - 1] = { uid, flags: new Set(flags.filter((flag) => flag !== '\\Recent')) };
    }
  }

  /** What the client works out for itself, as .SILENT wants it. */
  suppose(from: number, to: number, mode: string, flag: string): void {
    for (let sequence = from; sequence <= to; sequence++) {
      const message = this.messages[sequence - 1];
      if (message === undefined) continue;
      const flags = new Set(mode === '' ? [] : message.flags);
      if (mode === '-') flags.delete(flag);
      else flags.add(flag);
      message.flags = flags;
    }
  }

  get picture(): string {
    return this.messages
      .map((one) => (one ? `${one.uid}(${[...one.flags].sort().join(' ')})` : '?'))
      .join(' ');
  }
}

void t.test(`everybody knows what is there, seed ${SEED}`, (t) => play(t, false));

void t.test(`and so it is when owners are lost, seed ${SEED}`, (t) => play(t, true));

async function play(t: Test, losesOwners: boolean): Promise<void> {
  const random = new Prng(SEED);
  const bed = await ImapBed.start(t);
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => new Believer(t, await bed.client())),
  );
  for (const client of clients)
    await client.run(random.below(2) === 0 ? 'SELECT INBOX' : 'SELECT INBOX (CONDSTORE)');
  for (let round = 0; round < (losesOwners ? ROUNDS / 2 : ROUNDS); round++) {
    for (let step = 0; step < STEPS; step++) {
      await act(clients[random.below(CLIENTS)]!, random);
      if (losesOwners && random.below(5) === 0) await bed.moveOwner();
    }
    for (const client of clients) await client.run('NOOP');
    const truth = pictureOf(bed);
    for (const [index, client] of clients.entries())
      if (client.picture !== truth) t.equal(client.picture, truth, `client ${index} after round ${round}`);
  }
  const told = clients.flatMap(({ recent }) => [...recent]);
  // An owner that is lost takes with it what nobody had told the next one: then a message may be recent twice.
  if (!losesOwners) t.equal(new Set(told).size, told.length, 'recent to one client only');
  t.ok(told.length > ROUNDS / 2, `${told.length} messages`);
}

async function act(client: Believer, random: Prng): Promise<void> {
  const { exists } = client;
  const from = 1 + random.below(Math.max(1, exists));
  const to = from + random.below(exists - from + 1 || 1);
  const flag = FLAGS[random.below(FLAGS.length)]!;
  const mode = ['+', '-', ''][random.below(3)]!;
  const kind = random.below(9);
  if (exists === 0 || kind === 0) await client.run('APPEND INBOX {4+}\r\nA: b');
  else if (kind === 1) await client.run(`STORE ${from}:${to} ${mode}FLAGS (${flag})`, false);
  else if (kind <= 3) {
    client.suppose(from, to, mode, flag);
    await client.run(`STORE ${from}:${to} ${mode}FLAGS.SILENT (${flag})`, false);
  } else if (kind === 4) await client.run('EXPUNGE');
  else if (kind === 5) await client.run(`COPY ${from}:${to} INBOX`);
  else if (kind === 6) await client.run(`FETCH ${from}:${to} (UID FLAGS)`, false);
  else if (kind === 7) await client.run('NOOP');
  else await client.run('SEARCH UNSEEN', false);
}

function pictureOf(bed: ImapBed): string {
  const inbox = bed.account.mailbox('INBOX')!;
  return Array.from({ length: inbox.exists }, (_, index) => {
    const { uid, flags } = inbox.at(index);
    return `${uid}(${flags.toSorted().join(' ')})`;
  }).join(' ');
}
