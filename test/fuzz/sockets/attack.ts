/** What a client does once it is in a state: sends what nobody meant, in pieces nobody would, and leaves in every way. */
import type { Prng } from '../../support/prng.ts';
import { inputOf } from '../inputs.ts';
import { TARGETS } from '../targets/index.ts';
import type { FuzzClient } from './client.ts';
import type { State } from './states.ts';

type Fuzzed = Omit<State, 'steps'>;

const PIECES_MAX = 12;
/** Octets that are sent one at a time. */
const DRIBBLE_OCTETS_MAX = 60;
const FLOOD_LINES = 2000;
/** Usual inputs are this long; the sockets are not for what takes long to send. */
const PIECE_OCTETS_MAX = 2000;
const BY_NAME = new Map(TARGETS.map((target) => [target.name, target]));
const CRLF = Buffer.from('\r\n');

export async function attack(client: FuzzClient, state: Fuzzed, random: Prng): Promise<void> {
  if (random.below(12) === 0) client.stopReading();
  await random.pick(WAYS)(client, state, random);
  if (client.ended) return;
  await leave(client, random);
}

type Way = (client: FuzzClient, state: Fuzzed, random: Prng) => Promise<void> | void;

const WAYS: readonly Way[] = [inPieces, inPieces, inOne, dribble, flood, nothing];

/** Piece after piece, each when the kernel has the one before. */
async function inPieces(client: FuzzClient, state: Fuzzed, random: Prng): Promise<void> {
  for (let count = random.below(PIECES_MAX); count > 0; count--) await client.sent(piece(state, random));
}

/** Pipelined. */
function inOne(client: FuzzClient, state: Fuzzed, random: Prng): Promise<void> {
  return client.sent(Buffer.concat(Array.from({ length: PIECES_MAX }, () => piece(state, random))));
}

/** One octet a write. */
async function dribble(client: FuzzClient, state: Fuzzed, random: Prng): Promise<void> {
  for (const octet of piece(state, random).subarray(0, DRIBBLE_OCTETS_MAX))
    await client.sent(Buffer.from([octet]));
}

/** The same line very often, without waiting for answers. */
function flood(client: FuzzClient, state: Fuzzed, random: Prng): Promise<void> {
  const line =
    state.lines.length > 0 ? `${random.pick(state.lines)}\r\n` : piece(state, random).subarray(0, 40);
  return client.sent(Buffer.alloc(FLOOD_LINES * line.length, line));
}

function nothing(): void {
  // The state itself is left.
}

function piece(state: Fuzzed, random: Prng): Buffer {
  const kind = random.below(10);
  if (kind === 0 && state.wrap === undefined) return random.bytes(random.below(200));
  if (kind <= 4 && state.lines.length > 0) return Buffer.from(`${random.pick(state.lines)}\r\n`);
  const target = BY_NAME.get(random.pick(state.language));
  if (target === undefined) throw new Error(`${state.service}, ${state.name}: no such target`);
  const input = inputOf(target, 'sockets', random.uint32()).subarray(0, PIECE_OCTETS_MAX);
  if (state.wrap !== undefined) return state.wrap(input, random);
  return state.lines.length > 0 ? Buffer.concat([input, CRLF]) : input;
}

async function leave(client: FuzzClient, random: Prng): Promise<void> {
  switch (random.below(3)) {
    case 0:
      return client.halfClose();
    case 1:
      return client.reset();
    default:
      return client.destroy();
  }
}
