/**
 * What leaves one connection, and in which order: control frames and urgent messages first; then streams and calls take
 * turns, one frame each, so that nobody waits for another's megabytes. All frames of one turn of the event loop leave in
 * one write. The kernel is given little at a time, so that what is urgent does not wait behind what was written already.
 *
 * Invariant: `handedOver` of a message runs if and only if its last octet was given to the connection. Before that the
 * peer cannot have acted on it.
 */
import { joined } from '../../lib/joined.ts';
import { Fifo } from './fifo.ts';
import {
  encodeFrame,
  FrameFlag,
  FrameType,
  HEADER_OCTETS,
  LENGTH_OCTETS,
  type MessageType,
  writeHeader,
} from './frame.ts';

export interface OutboxOptions {
  /** Gives octets to the connection; false means that `drained` is called before more is wanted. */
  readonly write: (octets: Buffer) => boolean;
  /** Too much is waiting that may not be dropped: the connection has to go. */
  readonly overflow: () => void;
  readonly writeOctets: number;
  readonly urgentQueuedOctetsMax: number;
  /** The peer's, from its hello. */
  readonly frameOctetsMax: number;
  readonly begunOctetsMax: number;
  readonly connectionCredit: number;
}

interface Item {
  readonly type: MessageType | typeof FrameType.fin;
  readonly payload: Payload;
  /** Octets that have left. */
  at: number;
  readonly handedOver: (() => void) | undefined;
}

/** The octets of a message, one buffer after another. */
export class Payload {
  readonly length: number;
  readonly #parts: readonly Buffer[];

  constructor(parts: readonly Buffer[]) {
    this.#parts = parts;
    this.length = parts.reduce((sum, part) => sum + part.length, 0);
  }

  /** Octets `from` to `to`, where they lie. */
  slice(from: number, to: number): readonly Buffer[] {
    const slices: Buffer[] = [];
    let at = 0;
    for (const part of this.#parts) {
      const slice = part.subarray(Math.max(0, from - at), Math.max(0, to - at));
      if (slice.length > 0) slices.push(slice);
      at += part.length;
    }
    return slices;
  }
}

/** A queue of messages that leave one after another: one call or answer, or one direction of a stream. */
export class Lane {
  readonly id: number;
  /** A stream has credit of its own; a call uses the connection's. */
  readonly isStream: boolean;
  readonly items = new Fifo<Item>();
  /** May be overdrawn by less than one frame. */
  credit: number;
  /** Octets of messages that have not left. */
  queuedOctets = 0;
  inRing = false;
  dropped = false;
  /** Octets counted as begun: the whole length of a message of several frames whose turn has come. */
  begunOctets = 0;

  constructor(id: number, credit?: number) {
    this.id = id;
    this.isStream = credit !== undefined;
    this.credit = credit ?? 0;
  }
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #urgent = new Fifo<{ readonly frame: Buffer; readonly handedOver: (() => void) | undefined }>();
  #urgentOctets = 0;
  readonly #calls = new Fifo<Lane>();
  readonly #streams = new Fifo<Lane>();
  /** Messages of several frames that wait until enough of those begun are finished. */
  readonly #large = new Fifo<Lane>();
  #begunOctets = 0;
  #credit: number;
  #streamsTurn = false;
  #blocked = false;
  #scheduled = false;
  #ended = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#credit = options.connectionCredit;
  }

  /** A whole control frame, ahead of everything but earlier control frames. */
  control(type: FrameType, id: number, payload: Buffer): void {
    this.#pushUrgent(encodeFrame(type, 0, id, payload), undefined);
  }

  /** A message ahead of the others, outside of the credit. */
  urgent(type: MessageType, id: number, octets: Buffer, handedOver?: () => void): void {
    const max = this.#options.frameOctetsMax;
    const payload = new Payload([octets]);
    let at = 0;
    do {
      const [frame, next] = cut(type, id, payload, at, max, FrameFlag.urgent);
      at = next;
      this.#pushUrgent(Buffer.concat(frame), at === payload.length ? handedOver : undefined);
    } while (at < payload.length);
  }

  /** A message within the connection's credit. */
  call(type: MessageType, id: number, octets: Buffer, handedOver?: () => void): Lane {
    const lane = new Lane(id);
    const payload = new Payload([octets]);
    lane.items.push({ type, payload, at: 0, handedOver });
    lane.queuedOctets = payload.length;
    if (payload.length <= this.#options.frameOctetsMax) this.#enter(lane);
    else {
      this.#large.push(lane);
      this.#admitLarge();
    }
    return lane;
  }

  /** A message, or the end (`fin`), of a stream. */
  stream(
    lane: Lane,
    type: MessageType | typeof FrameType.fin,
    parts: readonly Buffer[],
    handedOver?: () => void,
  ): void {
    const payload = new Payload(parts);
    lane.items.push({ type, payload, at: 0, handedOver });
    lane.queuedOctets += payload.length;
    if (this.#mayStream(lane)) this.#enter(lane);
  }

  /** Credit that the peer gave to a stream. */
  streamCredit(lane: Lane, octets: number): void {
    lane.credit += octets;
    if (lane.items.length > 0 && this.#mayStream(lane)) this.#enter(lane);
  }

  /** Credit that the peer gave to the connection; a reason when it is more than it said at first. */
  connectionCredit(octets: number): string | undefined {
    if (this.#credit + octets > this.#options.connectionCredit) return 'more credit than the hello said';
    this.#credit += octets;
    this.#schedule();
    return undefined;
  }

  /**
   * Forgets what of a lane has not left. True when the peer has seen a part of a message, or all, and has to be told.
   */
  drop(lane: Lane): boolean {
    if (lane.dropped) return false;
    lane.dropped = true;
    const item = lane.items.peek();
    lane.items.clear();
    lane.queuedOctets = 0;
    this.#finishLarge(lane);
    return lane.isStream || item === undefined || item.at > 0;
  }

  /** The connection takes octets again. */
  drained(): void {
    this.#blocked = false;
    this.#pump();
  }

  /** Gives all that may leave now to the connection, without waiting for the end of the turn. */
  flush(): void {
    this.#pump();
  }

  /** Nothing leaves any more. */
  end(): void {
    this.#ended = true;
    this.#urgent.clear();
    this.#calls.clear();
    this.#streams.clear();
    this.#large.clear();
  }

  #pushUrgent(frame: Buffer, handedOver: (() => void) | undefined): void {
    if (this.#ended) return;
    this.#urgent.push({ frame, handedOver });
    this.#urgentOctets += frame.length;
    if (this.#urgentOctets > this.#options.urgentQueuedOctetsMax) this.#options.overflow();
    else this.#schedule();
  }

  #enter(lane: Lane): void {
    if (lane.inRing || this.#ended) return;
    lane.inRing = true;
    (lane.isStream ? this.#streams : this.#calls).push(lane);
    this.#schedule();
  }

  /** The end of a stream needs no credit. */
  #mayStream(lane: Lane): boolean {
    return lane.credit > 0 || lane.items.peek()?.type === FrameType.fin;
  }

  #admitLarge(): void {
    for (let lane = this.#large.peek(); lane !== undefined; lane = this.#large.peek()) {
      const octets = lane.items.peek()?.payload.length ?? 0;
      if (!lane.dropped && this.#begunOctets + octets > this.#options.begunOctetsMax) return;
      this.#large.shift();
      if (lane.dropped) continue;
      lane.begunOctets = octets;
      this.#begunOctets += octets;
      this.#enter(lane);
    }
  }

  #finishLarge(lane: Lane): void {
    if (lane.begunOctets === 0) return;
    this.#begunOctets -= lane.begunOctets;
    lane.begunOctets = 0;
    this.#admitLarge();
  }

  /**
   * At the end of the turn: a tick asked for in a microtask runs when the microtasks are through, so that the answers of
   * all handlers that were started by one read leave in one write.
   */
  #schedule(): void {
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    queueMicrotask(() =>
      process.nextTick(() => {
        this.#scheduled = false;
        this.#pump();
      }),
    );
  }

  #pump(): void {
    while (!this.#blocked && !this.#ended) {
      const parts: Buffer[] = [];
      const done: (() => void)[] = [];
      let octets = 0;
      while (octets < this.#options.writeOctets) {
        const taken = this.#takeUrgent(parts, done) || this.#takeTurn(parts, done);
        if (taken === 0) break;
        octets += taken;
      }
      if (octets === 0) return;
      // The connection gathers what is written in one turn.
      for (const part of joined(parts)) if (!this.#options.write(part)) this.#blocked = true;
      for (const handedOver of done) handedOver();
    }
  }

  #takeUrgent(parts: Buffer[], done: (() => void)[]): number {
    const item = this.#urgent.shift();
    if (item === undefined) return 0;
    parts.push(item.frame);
    if (item.handedOver !== undefined) done.push(item.handedOver);
    this.#urgentOctets -= item.frame.length;
    return item.frame.length;
  }

  /** One frame of a stream or of a call, whoever's turn it is. */
  #takeTurn(parts: Buffer[], done: (() => void)[]): number {
    this.#streamsTurn = !this.#streamsTurn;
    return this.#streamsTurn
      ? this.#takeStream(parts, done) || this.#takeCall(parts, done)
      : this.#takeCall(parts, done) || this.#takeStream(parts, done);
  }

  #takeCall(parts: Buffer[], done: (() => void)[]): number {
    while (this.#credit > 0) {
      const lane = this.#calls.shift();
      if (lane === undefined) return 0;
      lane.inRing = false;
      if (lane.dropped) continue;
      const before = parts.length;
      const octets = this.#takeFrame(lane, parts, done);
      this.#credit -= octets - HEADER_OCTETS;
      if (parts.length > before) return octets;
    }
    return 0;
  }

  #takeStream(parts: Buffer[], done: (() => void)[]): number {
    for (let lane = this.#streams.shift(); lane !== undefined; lane = this.#streams.shift()) {
      lane.inRing = false;
      if (lane.dropped || !this.#mayStream(lane)) continue;
      return this.#takeFrame(lane, parts, done);
    }
    return 0;
  }

  /** The next frame of a lane, which goes to the end of its ring when there is more. */
  #takeFrame(lane: Lane, parts: Buffer[], done: (() => void)[]): number {
    const item = lane.items.peek();
    if (item === undefined) return 0;
    let octets: number;
    if (item.type === FrameType.fin) {
      octets = HEADER_OCTETS;
      parts.push(encodeFrame(FrameType.fin, 0, lane.id, Buffer.alloc(0)));
    } else {
      const [frame, next] = cut(item.type, lane.id, item.payload, item.at, this.#options.frameOctetsMax, 0);
      octets = 0;
      for (const part of frame) {
        parts.push(part);
        octets += part.length;
      }
      lane.queuedOctets -= next - item.at;
      item.at = next;
      if (lane.isStream) lane.credit -= octets - HEADER_OCTETS;
    }
    if (item.at === item.payload.length) {
      lane.items.shift();
      if (item.handedOver !== undefined) done.push(item.handedOver);
      this.#finishLarge(lane);
    }
    if (lane.items.length > 0 && (!lane.isStream || this.#mayStream(lane))) this.#enter(lane);
    return octets;
  }
}

/** The frame that begins at octet `at` of a message, and where the next one begins. */
function cut(
  type: MessageType,
  id: number,
  payload: Payload,
  at: number,
  frameOctetsMax: number,
  flags: number,
): readonly [readonly Buffer[], number] {
  const first = at === 0;
  const withLength = first && payload.length > frameOctetsMax;
  const head = Buffer.allocUnsafe(HEADER_OCTETS + (withLength ? LENGTH_OCTETS : 0));
  const octets = Math.min(payload.length - at, frameOctetsMax - (withLength ? LENGTH_OCTETS : 0));
  const next = at + octets;
  const last = next === payload.length;
  const all = flags | (first ? FrameFlag.first : 0) | (last ? FrameFlag.last : 0);
  writeHeader(head, type, all, id, octets + (withLength ? LENGTH_OCTETS : 0));
  if (withLength) head.writeUInt32LE(payload.length, HEADER_OCTETS);
  return [[head, ...payload.slice(at, next)], next];
}
