/**
 * The controller's file, `.cluster/control/heartbeat.<epoch>.data`: created exclusively (the server decides, one
 * winner), kept open, rewritten at position 0 and synced each heartbeat by the one supervisor that created it.
 *
 * A rewrite may be torn by a crash or read half-way, so the content carries its own length and CRC32C; octets behind it
 * are left over from a longer one. A reader compares the raw octets: whatever differs is another value.
 *
 * Besides the counter it names the incarnations that may hold leases under the authority of this very heartbeat. A
 * successor that has heard from all of these, or has proof of their death, knows that no unreported lease can be running
 * (docs/architecture.md, section 8, 10: else it would wait for SlotLease whenever a controller dies). And it states
 * the times that its leases go by: a successor with other settings waits by the longer ones.
 */
import { crc32c } from '../../lib/crc32c.ts';
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import type { Address, AppendFile, Fs } from '../../platform/platform.ts';
import type { Incarnation } from '../../store/ids.ts';
import type { ClusterTimes } from '../types.ts';

const MAGIC = Buffer.from('POSTHB1\n');
const HEADER_OCTETS = MAGIC.length + 8;
/** A heartbeat that names 4,000 incarnations has 140 KiB. */
const HEARTBEAT_OCTETS_MAX = 256 * 1024;
/** The margin for clock rates is written in thousandths. */
const MARGIN_UNITS = 1000;
/** The control epoch has 21 bits (docs/architecture.md, section 1). */
export const CONTROL_EPOCH_MAX = 2 ** 21 - 1;

export interface Heartbeat {
  readonly controlEpoch: number;
  readonly counter: number;
  /** `ended`: the writer gave its control up for good after its last lease was released or ran out. */
  readonly state: 'running' | 'ended';
  readonly member: string;
  readonly address: Address;
  /** Read by a backend through its own mount, to show that it is the same storage. */
  readonly nonce: string;
  /** Every incarnation that may hold a lease under this heartbeat; undefined while the writer does not know them all. */
  readonly holders: readonly Incarnation[] | undefined;
  /** Absent in an `ended` one of a first start, which granted nothing. */
  readonly times?: LeaseTimes;
}

/** How long authority and leases last, by the writer's settings. */
export type LeaseTimes = Pick<ClusterTimes, 'controlLeaseMs' | 'slotLeaseMs' | 'clockMargin'>;

function controlDirectory(root: string): string {
  return `${root}/.cluster/control`;
}

export function heartbeatName(controlEpoch: number): string {
  return `heartbeat.${controlEpoch}.data`;
}

/** The control epoch in a file's name; undefined for any other name. */
export function epochOfName(name: string): number | undefined {
  const match = /^heartbeat\.([1-9][0-9]{0,6})\.data$/.exec(name);
  const epoch = Number(match?.[1]);
  return match && epoch <= CONTROL_EPOCH_MAX ? epoch : undefined;
}

export function encodeHeartbeat(heartbeat: Heartbeat): Buffer {
  const encoder = new Encoder()
    .uint(heartbeat.controlEpoch)
    .uint(heartbeat.counter)
    .bool(heartbeat.state === 'ended')
    .text(heartbeat.member)
    .text(heartbeat.address.host)
    .uint(heartbeat.address.port)
    .text(heartbeat.nonce)
    .bool(heartbeat.holders !== undefined)
    .list(heartbeat.holders ?? [], (holder, encoder) => encoder.text(holder));
  if (heartbeat.times !== undefined)
    encoder
      .uint(Math.ceil(heartbeat.times.controlLeaseMs))
      .uint(Math.ceil(heartbeat.times.slotLeaseMs))
      .uint(Math.ceil(heartbeat.times.clockMargin * MARGIN_UNITS));
  const payload = encoder.done();
  const header = Buffer.alloc(HEADER_OCTETS);
  MAGIC.copy(header);
  header.writeUInt32LE(payload.length, MAGIC.length);
  header.writeUInt32LE(crc32c(payload) >>> 0, MAGIC.length + 4);
  return Buffer.concat([header, payload]);
}

/** Undefined for anything that is not one whole heartbeat: empty, torn, of another version. */
export function decodeHeartbeat(octets: Buffer): Heartbeat | undefined {
  if (octets.length < HEADER_OCTETS || !octets.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const payload = octets.subarray(HEADER_OCTETS, HEADER_OCTETS + octets.readUInt32LE(MAGIC.length));
  if (payload.length !== octets.readUInt32LE(MAGIC.length)) return undefined;
  if (crc32c(payload) >>> 0 !== octets.readUInt32LE(MAGIC.length + 4)) return undefined;
  try {
    const decoder = new Decoder(payload);
    const heartbeat = {
      controlEpoch: decoder.uint(),
      counter: decoder.uint(),
      state: decoder.bool() ? ('ended' as const) : ('running' as const),
      member: decoder.text(),
      address: { host: decoder.text(), port: decoder.uint() },
      nonce: decoder.text(),
    };
    const holdersKnown = decoder.bool();
    const holders = decoder.list((each) => each.text() as Incarnation);
    const read = { ...heartbeat, holders: holdersKnown ? holders : undefined };
    return decoder.atEnd ? read : { ...read, times: decodeTimes(decoder) };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function decodeTimes(decoder: Decoder): LeaseTimes {
  return {
    controlLeaseMs: decoder.uint(),
    slotLeaseMs: decoder.uint(),
    clockMargin: decoder.uint() / MARGIN_UNITS,
  };
}

/** The control epochs in the directory, ascending. Rejects where there is none (ENOENT): a storage that is not mounted has had controllers. */
export async function listControlEpochs(fs: Fs, root: string): Promise<number[]> {
  const names = await fs.list(controlDirectory(root));
  return names
    .map(epochOfName)
    .filter((epoch) => epoch !== undefined)
    .sort((a, b) => a - b);
}

/** The raw octets of a heartbeat file, by a fresh open. */
export async function readHeartbeat(fs: Fs, root: string, controlEpoch: number): Promise<Buffer> {
  const file = await fs.open(`${controlDirectory(root)}/${heartbeatName(controlEpoch)}`);
  try {
    return await file.read(0, HEARTBEAT_OCTETS_MAX);
  } finally {
    await file.close();
  }
}

/** Creates the file of a new control epoch; rejects with EEXIST when another one was first. */
export async function createHeartbeat(fs: Fs, root: string, controlEpoch: number): Promise<AppendFile> {
  const directory = controlDirectory(root);
  const file = await fs.createExclusive(`${directory}/${heartbeatName(controlEpoch)}`);
  try {
    await fs.syncDirectory(directory);
  } catch (error) {
    await file.close().catch(() => undefined); // the error of the sync is the one to tell
    throw error;
  }
  return file;
}
