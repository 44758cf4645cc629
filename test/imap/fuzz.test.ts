/**
 * Commands that a hostile or broken client may send, against the real session in every state: seeded, made of pieces of the
 * grammar, cut and mixed. What must hold: every command that was complete gets exactly one tagged answer, whatever is
 * between is well-formed untagged data, and the connection goes on until the server itself has said BYE.
 */
import t from 'tap';
import { COMMAND_NAMES, type CommandName } from '../../src/imap/commands/table.ts';
import type { LineClient } from '../support/line-client.ts';
import { Prng } from '../support/prng.ts';
import { ImapBed } from './bed.ts';
import { fill, plain } from './transcript.ts';

const SEED = Number(process.env.FUZZ_SEED ?? 20_261_120);
const COMMANDS = Number(process.env.FUZZ_COMMANDS ?? 400);

/** These end the connection, or want more than one line. */
const NOT_HERE: readonly CommandName[] = ['LOGOUT', 'IDLE', 'AUTHENTICATE', 'APPEND'];
const VERBS = [...COMMAND_NAMES.filter((name) => !NOT_HERE.includes(name)), 'UID', 'XYZZY', 'IDLEX'];
const WORDS = [
  ...'INBOX inbox Sent Nowhere foo/bar foo//bar &- &AOQ- &bad * % "" "a b" "\\"" "\\\\" NIL'.split(' '),
  ...'1 2 1:* * 0 99 4294967295 4294967296 1:2:3 2,1 $ 1,, -1'.split(' '),
  ...'FLAGS +FLAGS -FLAGS.SILENT (FLAGS (\\Seen) (\\Deleted \\Flagged) \\Recent ($Key) () ALL FULL'.split(
    ' ',
  ),
  ...'BODY[] BODY.PEEK[1.2.MIME] BODY[HEADER.FIELDS RFC822 ENVELOPE BODYSTRUCTURE MODSEQ UID <0.5> <9.0>'.split(
    ' ',
  ),
  ...'(MESSAGES UNSEEN) (HIGHESTMODSEQ RECENT) CHARSET UTF-8 X-NO OR NOT SEEN UNSEEN TEXT hi SUBJECT HEADER'.split(
    ' ',
  ),
  ...'BEFORE 1-Jan-2026 31-Feb-2026 MODSEQ RETURN (SAVE) (MIN MAX ALL COUNT) (CONDSTORE) (CHANGEDSINCE 1)'.split(
    ' ',
  ),
  ...'(UNCHANGEDSINCE 0) (USE (\\Sent)) CONDSTORE UTF8=ACCEPT ((((( ))))) \x00 \xff\xfe \x7f \r \t'.split(
    ' ',
  ),
  '{3+}\r\nabc',
  '{0+}\r\n',
  '{5+}\r\n\x00\xff"\\{',
  '~{2+}\r\nhi',
  'x'.repeat(3000),
  '('.repeat(200),
];

void t.test('random commands before log-in, after it, and with a mailbox selected', async (t) => {
  const random = new Prng(SEED);
  const bed = await ImapBed.start(t);
  await fill(bed, plain(5));
  for (const state of ['fresh', 'authenticated', 'selected'] as const)
    await t.test(`${state}, seed ${SEED}`, async (t) => {
      let client = await newClient(bed, state);
      for (let number = 0; number < COMMANDS; number++) {
        const tag = `t${number}`;
        const command = `${tag} ${sentence(random)}`;
        client.send(`${command}\r\n`);
        const { lines, isOver } = await answer(client, tag);
        const wrong = lines.find((line) => line.startsWith('t') && !line.startsWith(`${tag} `));
        if (wrong !== undefined) t.fail(`an answer for nobody: ${wrong} to ${JSON.stringify(command)}`);
        if (!isOver) continue;
        // Before log-in too much nonsense ends a connection, but never without a word.
        if (!lines.some((line) => line.startsWith('* BYE')))
          t.fail(`no BYE after ${JSON.stringify(command)}: ${lines.join(' | ')}`);
        client = await newClient(bed, state);
      }
      client.close();
      t.pass(`${COMMANDS} commands`);
    });
  const last = await bed.client();
  t.match((await last.command('z', 'SELECT INBOX')).at(-1), /^z OK /, 'the server is as it was');
  last.close();
});

void t.test('random octets, cut anywhere, in every state', async (t) => {
  const random = new Prng(SEED + 1);
  const bed = await ImapBed.start(t);
  for (const state of ['fresh', 'authenticated', 'selected'] as const)
    for (let run = 0; run < 20; run++) {
      const client = await newClient(bed, state);
      for (let piece = 0; piece < 10; piece++) {
        const text =
          random.below(2) === 0 ? sentence(random) : random.bytes(random.below(200)).toString('latin1');
        client.send(text.slice(random.below(4), text.length - random.below(4)));
      }
      client.close();
    }
  const last = await bed.client();
  t.match((await last.command('z', 'NOOP')).at(-1), /^z OK /);
  last.close();
});

async function newClient(bed: ImapBed, state: 'fresh' | 'authenticated' | 'selected'): Promise<LineClient> {
  const client = await bed.client(state !== 'fresh');
  if (state === 'selected') await client.command('s', 'SELECT INBOX');
  return client;
}

function sentence(random: Prng): string {
  const words = [VERBS[random.below(VERBS.length)]!];
  if (words[0] === 'UID') words.push(VERBS[random.below(VERBS.length)]!);
  for (let count = random.below(6); count > 0; count--) words.push(WORDS[random.below(WORDS.length)]!);
  // No synchronising literal and no IDLE: what they wait for is not sent.
  return words.join(random.below(20) === 0 ? '  ' : ' ').replace(/\{\d+\}$/, '');
}

/** Lines up to the answer: tagged, or untagged BAD where no tag could be read, or the end of the connection. */
async function answer(client: LineClient, tag: string): Promise<{ lines: string[]; isOver: boolean }> {
  const lines: string[] = [];
  for (;;) {
    let line: string;
    try {
      line = await client.line();
    } catch {
      return { lines, isOver: true };
    }
    lines.push(line);
    if (line.startsWith(`${tag} `)) break;
  }
  return { lines, isOver: false };
}
