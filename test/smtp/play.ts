/**
 * Plays one side of an SMTP transcript against a listener over a real socket and gives what came back. The bytes of the
 * client are cut in two at any place: replies must not depend on how TCP cut them.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Test } from 'tap';
import type { Address } from '../../src/platform/platform.ts';
import type { Bed } from './bed.ts';

export interface Transcript {
  readonly name: string;
  /** Lines sent, in order; a line gets CRLF; a Buffer is sent as it is. All after the first wait for no reply. */
  readonly client: readonly (string | Buffer)[];
  /** One pattern for each reply line expected after the greeting. */
  readonly server: readonly RegExp[];
  /** Contents delivered, without the trace fields; not looked at when left out. */
  readonly delivered?: readonly string[];
  /** The client closes when it has these replies: the server would go on. */
  readonly leaves?: true;
}

const CUTS_MAX = 400;

/** Each transcript is a test, each place to cut it at a connection. */
export function testTranscripts(
  t: Test,
  transcripts: readonly Transcript[],
  start: (test: Test) => Promise<Bed>,
): void {
  for (const transcript of transcripts)
    void t.test(transcript.name, async (t) => {
      const { listener, intake, budget } = await start(t);
      const bytes = bytesOf(transcript);
      const step = Math.ceil((bytes.length + 1) / CUTS_MAX);
      const cuts = Array.from({ length: Math.ceil((bytes.length + 1) / step) }, (_, index) => index * step);
      const until = transcript.leaves ? transcript.server.length : undefined;
      const runs = await Promise.all(cuts.map((cut) => play(listener.address, bytes, cut, until)));
      const matches = (lines: readonly string[]): boolean =>
        lines.length === transcript.server.length && lines.every((l, i) => transcript.server[i]!.test(l));
      const wrong = runs.findIndex((lines) => !matches(lines));
      if (wrong >= 0)
        t.fail(`cut at ${cuts[wrong]}`, { lines: runs[wrong], expected: transcript.server.map(String) });
      if (transcript.delivered !== undefined) {
        const contents = new Set(intake.delivered.map(({ content }) => withoutTrace(content)));
        t.strictSame([...contents], [...new Set(transcript.delivered)]);
        t.equal(intake.delivered.length, runs.length * transcript.delivered.length);
      }
      t.equal(budget.takenOctets, 0, 'memory is given back');
      t.pass(`${runs.length} cuts`);
    });
}

/** The lines that begin a transaction: MAIL, and RCPT for each name at lab.example. */
export function transaction(...names: readonly string[]): readonly string[] {
  return ['MAIL FROM:<>', ...names.map((name) => `RCPT TO:<${name}@lab.example>`)];
}

/** So many reply lines alike. */
export function times(count: number, reply: RegExp): readonly RegExp[] {
  return Array.from({ length: count }, () => reply);
}

export function bytesOf(transcript: Transcript): Buffer {
  return Buffer.concat(
    transcript.client.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\r\n`) : part)),
  );
}

/** What the client sent: what comes behind the Received field. */
export function withoutTrace(content: string): string {
  return content.slice(content.indexOf('+0000\r\n') + '+0000\r\n'.length);
}

/**
 * Waits for the greeting, sends the first part, then the second, and collects all reply lines until the server closes, or
 * until there are so many.
 */
export async function play(address: Address, bytes: Buffer, cut: number, until?: number): Promise<string[]> {
  const socket = connect(address.port, address.host);
  socket.setNoDelay(true);
  let received = '';
  let greeting = Number.POSITIVE_INFINITY;
  const lines = (): string[] =>
    received
      .slice(greeting)
      .split('\r\n')
      .filter((line) => line !== '');
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    if (until !== undefined && received.endsWith('\r\n') && lines().length >= until) socket.end();
  });
  socket.on('error', () => undefined); // a refusal may reset the connection while we still send
  while (!received.includes('\r\n')) await once(socket, 'data');
  greeting = received.length;
  socket.write(bytes.subarray(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  socket.write(bytes.subarray(cut));
  // No FIN before the replies: a server may drop what a client that left was owed.
  await once(socket, 'close');
  return lines();
}
