/**
 * The bus between processes of the cluster (supervisors and workers): one TCP connection per pair and direction of
 * dialling, many calls, notices and streams over it, with flow control and cancel per stream. docs/bus.md has the frames.
 * Bodies are plain values (msgpackr): numbers, strings, booleans, null, Buffers, arrays, objects with string keys.
 */
import type { Address } from '../../platform/platform.ts';
import type { Incarnation } from '../../store/ids.ts';
import type { MemberIdentity } from '../security/types.ts';

export type Body = unknown;

/** Who is at the other end, as stated in its hello (and, with TLS, proven by its certificate). */
export interface Peer {
  readonly member: string;
  readonly role: 'supervisor' | 'worker';
  readonly incarnation: Incarnation;
  /** Where its own bus listens; how to dial it back. */
  readonly address: Address;
  /**
   * What its certificate proves; `member` is the same. Undefined on a bus without certificates (unit tests, the simulation),
   * where everybody may do everything; on any other there is no peer without it. Of `self`: our own.
   */
  readonly proven?: MemberIdentity | undefined;
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** The call is passed on for this member, and has its rights, not ours. Believed from backends only. */
  readonly asker?: MemberIdentity | undefined;
}

export interface Bus {
  readonly self: Peer;
  /** Answers calls of this name with a body or a promise of one. A thrown Failure reaches the caller with its code; anything else as 'unknown', logged. */
  serve(service: string, handler: (body: Body, context: CallContext) => unknown): void;
  /** Takes notices: no answer, no delivery guarantee beyond that of the connection. */
  onNotice(service: string, handler: (body: Body, from: Peer) => void): void;
  /** Accepts streams of this name. */
  onStream(service: string, handler: (body: Body, stream: BusStream) => void): void;

  /**
   * One question, one answer. Dials when there is no connection. Rejects with the Failure of the handler; 'unavailable'
   * when the request was certainly not handed to the peer; 'unknown' when it was, and no answer came (connection lost,
   * time is up, cancelled).
   */
  call(to: Address, service: string, body: Body, options: CallOptions): Promise<Body>;
  /** Sends if a connection is up or can be had soon; drops otherwise. Never queues more than a small bound. */
  notify(to: Address, service: string, body: Body): void;
  /** Opens a stream; resolves when the peer accepted the connection (not: the stream). */
  open(to: Address, service: string, body: Body, options: CallOptions): Promise<BusStream>;

  /** Told of every connection that came up or went down. */
  onPeer(listener: (peer: Peer, up: boolean) => void): () => void;
  close(): Promise<void>;
}

export interface CallContext {
  readonly from: Peer;
  /** Aborted when the caller cancelled, timed out or its connection ended. */
  readonly signal: AbortSignal;
}

/** Messages both ways, in order. Each side grants credit; `send` waits while the peer has granted none. */
export interface BusStream {
  readonly peer: Peer;
  /**
   * Resolves when the message was queued within the credit. Rejects when the stream is over. At most 1 MiB a message. What
   * Buffers are in it must not be written to any more: they may be sent from where they lie.
   */
  send(message: Body): Promise<void>;
  /** The next messages; ends when the peer ended its side. Throws Failure when it was reset or the connection went. */
  readonly messages: AsyncIterable<Body>;
  /** No more from this side. */
  end(): void;
  /** Ends both directions at once, with a reason for the peer. */
  reset(reason: Error): void;
  readonly closed: AbortSignal;
}
