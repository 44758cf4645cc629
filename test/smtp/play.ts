/**
 * Plays one side of an SMTP transcript against a listener over a real socket and gives what came back. The bytes of the
 * client are cut in two at any place: replies must not depend on how TCP cut them.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Address } from '../../src/platform/platform.ts';

export interface Transcript {
  readonly name: string;
  /** Lines sent, in order; a line gets CRLF; a Buffer is sent as it is. All after the first wait for no reply. */
  readonly client: readonly (string | Buffer)[];
  /** One pattern for each reply line expected after the greeting. */
  readonly server: readonly RegExp[];
}

export function bytesOf(transcript: Transcript): Buffer {
  return Buffer.concat(
    transcript.client.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\r\n`) : part)),
  );
}

/** Waits for the greeting, sends the first part, then the second, ends, and collects all reply lines. */
export async function play(address: Address, bytes: Buffer, cut: number): Promise<string[]> {
  const socket = connect(address.port, address.host);
  socket.setNoDelay(true);
  let received = '';
  socket.on('data', (chunk: Buffer) => void (received += chunk.toString('latin1')));
  socket.on('error', () => undefined); // a refusal may reset the connection while we still send
  while (!received.includes('\r\n')) await once(socket, 'data');
  const greeting = received.length;
  socket.write(bytes.subarray(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  socket.write(bytes.subarray(cut));
  // No FIN before the replies: smtp-server drops what a client that left was owed.
  await once(socket, 'close');
  return received
    .slice(greeting)
    .split('\r\n')
    .filter((line) => line !== '');
}
