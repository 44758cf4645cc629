/**
 * What STARTTLS means for the socket (RFC 3207 section 4.2, CVE-2011-0411): of all that was received in the clear and not
 * carried out nothing is left when the handshake begins, neither in the stream nor in the socket. An honest client sends
 * nothing between its command and the reply, so nothing of a ClientHello can be among it.
 */
import type { Socket } from 'node:net';
import type { SessionStream } from './stream.ts';

/** Events that the connection listens to; the socket's own listeners, of Node, stay. */
const OURS = ['close', 'error', 'timeout'] as const;

/** Must be called before the client is told to begin. */
export function leaveInTheClear(socket: Socket, stream: SessionStream): void {
  socket.unpipe(stream);
  stream.retire();
  while (socket.read() !== null);
  for (const event of OURS) socket.removeAllListeners(event);
  // Until the TLS socket listens, an error must have somebody to be told to; `close` follows.
  socket.on('error', () => undefined);
}
