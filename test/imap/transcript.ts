/**
 * Transcripts of whole sessions, played by clients that look at every line: against the real listener, frontend, owner,
 * session and account (bed.ts). A script is a list of steps, each of which begins with who it is about:
 *
 * | step | meaning |
 * | --- | --- |
 * | `C: text` | the client sends the text and CRLF; `C2: ` and so on are further clients, connected when first named |
 * | `C* text` | the same without CRLF |
 * | `S: text` | the next line is this text; `S: /pattern/` it matches |
 * | `S: ...tag` | lines up to and with the tagged response, which must be OK; `...tag NO` another one |
 * | `S: ...tag +/pattern/` | the same, and one of the untagged lines matches |
 * | `S: ...tag -/pattern/` | the same, and none of the lines matches |
 * | `S: .` | the server has closed the connection |
 *
 * Patterns and texts may name what a pattern caught before: `(?<validity>\d+)`, then `<validity>`.
 */
import t, { type Test } from 'tap';
import { LineClient } from '../support/line-client.ts';
import { ImapBed, type ImapBedOptions, PASSWORD, USER } from './bed.ts';

export interface Message {
  readonly flags?: readonly string[];
  readonly content?: string;
  readonly internalDateMs?: number;
}

export interface Transcript {
  /** The section, and what it asks for in a few words. */
  readonly name: string;
  /** False: clients are connected, but not logged in. */
  readonly loggedIn?: boolean;
  /** INBOX before it begins, told to nobody. */
  readonly inbox?: readonly Message[];
  readonly bed?: ImapBedOptions;
  readonly script: readonly string[];
}

export const HELLO = 'From: Joe <joe@b.example>\r\nSubject: hi\r\n\r\nHello\r\n';

/** So many messages without flags. */
export function plain(count: number): readonly Message[] {
  return Array.from({ length: count }, () => ({}));
}

export async function fill(bed: ImapBed, inbox: readonly Message[]): Promise<void> {
  const { id } = bed.account.mailbox('INBOX')!;
  for (const { flags = [], content = HELLO, internalDateMs = Date.UTC(2026, 0, 1) } of inbox)
    await bed.account.append(id, { content: Buffer.from(content, 'latin1'), flags, internalDateMs });
}

/** A tap test for each. */
export function play(transcripts: readonly Transcript[]): void {
  for (const transcript of transcripts)
    void t.test(transcript.name, async (t) => {
      const bed = await ImapBed.start(t, transcript.bed);
      await fill(bed, transcript.inbox ?? []);
      const players = new Map<string, LineClient>();
      const caught = new Map<string, string>();
      for (const step of transcript.script) await perform(t, bed, transcript, players, caught, step);
      for (const client of players.values()) client.close();
    });
}

async function perform(
  t: Test,
  bed: ImapBed,
  { loggedIn = true }: Transcript,
  players: Map<string, LineClient>,
  caught: Map<string, string>,
  step: string,
): Promise<void> {
  const [, who, number, kind, rest] = /^([CS])(\d?)([:*]) ?(.*)$/s.exec(step) ?? [];
  if (who === undefined || number === undefined || rest === undefined) throw new Error(`no step: ${step}`);
  let client = players.get(number);
  if (client === undefined) {
    client = await LineClient.connect(bed.listener.address, 5000);
    players.set(number, client);
    t.match(await client.line(), /^\* OK \[CAPABILITY /);
    if (loggedIn)
      t.match((await client.command('login', `LOGIN ${USER} "${PASSWORD}"`)).at(-1), /^login OK /);
  }
  const text = rest.replace(/<([a-z]+)>/g, (all, name: string) => caught.get(name) ?? all);
  if (who === 'C') client.send(kind === '*' ? text : `${text}\r\n`);
  else if (text === '.') await t.rejects(client.line(), step);
  else if (text.startsWith('...')) await skip(t, client, text.slice(3), step);
  else {
    const line = await client.line();
    if (text.startsWith('/')) {
      const match = new RegExp(text.slice(1, -1)).exec(line);
      t.ok(match, `${step}: ${line}`);
      for (const [name, value] of Object.entries(match?.groups ?? {})) caught.set(name, value);
    } else t.equal(line, text, step);
  }
}

/** `tag`, `tag NO`, `tag +/pattern/`, `tag -/pattern/`. */
async function skip(t: Test, client: LineClient, wanted: string, step: string): Promise<void> {
  const [, tag, status = 'OK', sign, pattern] =
    /^(\w+)(?: (OK|NO|BAD))?(?: ([+-])\/(.*)\/)?$/.exec(wanted) ?? [];
  if (tag === undefined) throw new Error(`no step: ${step}`);
  const lines = await client.until(tag);
  t.ok(lines.at(-1)?.startsWith(`${tag} ${status}`), `${step}: ${lines.join(' | ')}`);
  if (pattern === undefined) return;
  const has = lines.some((line) => new RegExp(pattern).test(line));
  t.equal(has, sign === '+', `${step}: ${lines.join(' | ')}`);
}
