/**
 * Looks at the first octets of a socket before anybody else does: a PROXY header, a ClientHello. What is not taken is put
 * back, and the socket is as new: it flows when somebody listens for data, and a pause before that holds.
 */
import type { Socket } from 'node:net';
import type { Step } from '../../lib/step.ts';

/** What a codec says in the end. */
export type Read<T> = Exclude<Step<T>, { kind: 'more' }>;

/**
 * Reads until `parse` has seen enough. `take`: the octets before `next` are gone from the socket; else all are left.
 * Rejects when the socket ends before that. How long it may take is the caller's affair: destroying the socket ends it.
 * The codec bounds how much is read by saying bad in time.
 */
export function readAhead<T>(
  socket: Socket,
  parse: (bytes: Buffer) => Step<T>,
  { take }: { readonly take: boolean },
): Promise<Read<T>> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const stop = () => {
      socket.off('readable', onReadable);
      socket.off('end', onEnd);
      socket.off('error', onError);
      socket.off('close', onEnd);
    };
    const onReadable = () => {
      // Without a listener for data a read gives all there is.
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
        bytes = bytes.length === 0 ? (chunk as Buffer) : Buffer.concat([bytes, chunk as Buffer]);
        const step = parse(bytes);
        if (step.kind === 'more') continue;
        stop();
        const left = take && step.kind === 'value' ? bytes.subarray(step.next) : bytes;
        if (left.length > 0) socket.unshift(left);
        // The stream forgets only in the next tick that somebody listened for `readable`; a pause before would be undone.
        setImmediate(() => resolve(step));
        return;
      }
    };
    const onError = (error: Error) => {
      stop();
      reject(error);
    };
    const onEnd = () => onError(new EndedEarly(bytes.length));
    socket.on('readable', onReadable);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onEnd);
    if (socket.destroyed || socket.readableEnded) onEnd();
  });
}

/** The peer left before it had said what it must say first. */
export class EndedEarly extends Error {
  readonly code = 'ECONNRESET';
  readonly octets: number;

  constructor(octets: number) {
    super(`the peer left after ${octets} octets`);
    this.octets = octets;
  }
}
