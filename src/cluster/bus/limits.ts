/** Every bound of the bus, by name. What the peer must keep is stated in the hello; the rest each side keeps for itself. */

export interface BusLimits {
  /** Octets of payload in one frame of a message: what one stream may send before the next has its turn. */
  readonly frameOctetsMax: number;
  /** Octets of one call, answer or notice. */
  readonly callOctetsMax: number;
  /** Octets of one stream message, and of the body that opens a stream. */
  readonly streamMessageOctetsMax: number;
  /** Octets of a message that may go ahead of the others, outside of the credit. */
  readonly urgentOctetsMax: number;
  /** Octets of calls, answers and notices that a peer may send before it is given more credit. */
  readonly connectionCredit: number;
  /** Octets that a peer may send on one stream before they have been consumed. */
  readonly streamCredit: number;
  /** Octets of messages of more than one frame that a peer may have begun and not finished, all together. */
  readonly begunOctetsMax: number;
  /** Octets of call bodies in the hands of handlers above which the peer gets no more credit. */
  readonly heldCallOctetsMax: number;
  /** Octets of stream messages nobody has consumed yet, one connection; a stream that goes above it is reset. */
  readonly heldStreamOctetsMax: number;
  /** Octets of stream messages that wait for credit to be sent, one stream. */
  readonly streamQueuedOctetsMax: number;
  /** Calls of one connection that are being answered; more are refused. Also the calls we make and wait for. */
  readonly callsMax: number;
  /** Octets of requests that wait to be sent to one peer: for the connection, or for credit on it. More are refused. */
  readonly callsQueuedOctetsMax: number;
  /** Streams of one connection. */
  readonly streamsMax: number;
  /** Connections that others made to us. */
  readonly connectionsMax: number;
  /** Connections that one member made to us, as its certificate says; twice what supervisor and workers of one need. */
  readonly memberConnectionsMax: number;
  /** `begunOctetsMax`, `heldCallOctetsMax`, `heldStreamOctetsMax` of all connections with one member together. */
  readonly memberBegunOctetsMax: number;
  readonly memberHeldCallOctetsMax: number;
  readonly memberHeldStreamOctetsMax: number;
  /** Octets of notices that wait for one connection; more are dropped. */
  readonly noticesQueuedOctetsMax: number;
  /** Octets of control frames and urgent messages that wait for one connection; a peer that lets more wait is dropped. */
  readonly urgentQueuedOctetsMax: number;
  /** Octets given to the kernel in one write. */
  readonly writeOctets: number;
  /** How long a dial may take. */
  readonly dialTimeoutMs: number;
  /** How long the peer's hello may take. */
  readonly helloTimeoutMs: number;
  /** Silence after which we ask whether the peer is there. */
  readonly pingAfterMs: number;
  /** Silence after which the peer is taken for gone. */
  readonly silentMs: number;
  /** How long a connection we dialled may be of no use before we end it. */
  readonly idleMs: number;
  /** How long what is queued may take to leave when a connection is ended. */
  readonly closeGraceMs: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const BUS_LIMITS: BusLimits = {
  frameOctetsMax: 64 * KIB,
  callOctetsMax: 64 * MIB,
  streamMessageOctetsMax: MIB,
  urgentOctetsMax: MIB,
  connectionCredit: 8 * MIB,
  streamCredit: 256 * KIB,
  begunOctetsMax: 128 * MIB,
  heldCallOctetsMax: 128 * MIB,
  heldStreamOctetsMax: 256 * MIB,
  streamQueuedOctetsMax: 4 * MIB,
  callsMax: 8192,
  callsQueuedOctetsMax: 256 * MIB,
  streamsMax: 16_384,
  connectionsMax: 4096,
  memberConnectionsMax: 130,
  memberBegunOctetsMax: 1024 * MIB,
  memberHeldCallOctetsMax: 512 * MIB,
  memberHeldStreamOctetsMax: 1024 * MIB,
  noticesQueuedOctetsMax: MIB,
  urgentQueuedOctetsMax: 16 * MIB,
  writeOctets: 256 * KIB,
  dialTimeoutMs: 2000,
  helloTimeoutMs: 2000,
  pingAfterMs: 500,
  silentMs: 2500,
  idleMs: 600_000,
  closeGraceMs: 500,
};

/** Why these limits do not fit together, or undefined. */
export function checkLimits(limits: BusLimits): string | undefined {
  if (limits.callOctetsMax > limits.begunOctetsMax) return 'begunOctetsMax is below callOctetsMax';
  if (limits.streamMessageOctetsMax > limits.callOctetsMax)
    return 'callOctetsMax is below streamMessageOctetsMax';
  if (limits.streamMessageOctetsMax > limits.streamQueuedOctetsMax)
    return 'streamQueuedOctetsMax is below streamMessageOctetsMax';
  if (limits.callOctetsMax > limits.callsQueuedOctetsMax)
    return 'callsQueuedOctetsMax is below callOctetsMax';
  if (limits.memberBegunOctetsMax < limits.begunOctetsMax)
    return 'memberBegunOctetsMax is below begunOctetsMax';
  if (limits.frameOctetsMax < 64) return 'frameOctetsMax is below 64';
  if (limits.streamCredit < 1 || limits.connectionCredit < limits.frameOctetsMax) return 'too little credit';
  if (limits.silentMs < 2 * limits.pingAfterMs) return 'silentMs is below twice pingAfterMs';
  return undefined;
}
