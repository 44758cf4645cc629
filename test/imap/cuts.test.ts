/** One session, sent in two pieces at every place, and all at once: the answers are the same (RFC 3501 section 5.5). */
import t from 'tap';
import { LineClient } from '../support/line-client.ts';
import { ImapBed, PASSWORD, USER } from './bed.ts';
import { fill, plain } from './transcript.ts';

const SESSION = [
  `a LOGIN ${USER} {${PASSWORD.length}+}\r\n${PASSWORD}`,
  'b EXAMINE INBOX',
  'c FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS ({7+}\r\nSubject)])',
  'd IDLE\r\nDONE',
  'e SEARCH SUBJECT {2+}\r\nhi',
  'f XYZZY "a\\"b" {3+}\r\n)(*',
  'g UID FETCH 1:* UID',
  'h LOGOUT',
]
  .map((command) => `${command}\r\n`)
  .join('');

void t.test('every cut', async (t) => {
  const bed = await ImapBed.start(t);
  await fill(bed, plain(2));
  const expected = await played(bed, [SESSION]);
  t.match(expected.at(-1), /^h OK /);
  t.equal(expected.filter((line) => /^[a-h] (OK|BAD) /.test(line)).length, 8);
  for (let cut = 1; cut < SESSION.length; cut++) {
    const lines = await played(bed, [SESSION.slice(0, cut), SESSION.slice(cut)]);
    if (lines.join('\n') !== expected.join('\n')) t.same(lines, expected, `cut at ${cut}`);
  }
  t.same(await played(bed, SESSION.split('')), expected, 'octet by octet');
});

async function played(bed: ImapBed, pieces: readonly string[]): Promise<string[]> {
  const client = await LineClient.connect(bed.listener.address, 5000);
  const lines: string[] = [await client.line()];
  for (const piece of pieces) {
    client.send(piece);
    // The next piece comes in a turn of its own.
    await new Promise((resolve) => void setImmediate(resolve));
  }
  for (;;) {
    const line = await client.line();
    lines.push(line);
    if (line.startsWith('h ')) break;
  }
  client.close();
  return lines;
}
