/**
 * Messages between the kernel and a process that serves a mount, FUSE 7.31 (include/uapi/linux/fuse.h), as far as
 * relay-process.ts needs them. Little-endian, as are the machines this runs on.
 */
import type { BigIntStats } from 'node:fs';

export const Opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  create: 35,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  rename2: 45,
} as const;

/** No answer is expected to these. */
export const UNANSWERED: ReadonlySet<number> = new Set([
  Opcode.forget,
  Opcode.batchForget,
  Opcode.interrupt,
  Opcode.destroy,
]);

export const HEADER_OCTETS = 40;
export const WRITE_OCTETS_MAX = 128 * 1024;
/** What a read of the device must have room for. */
export const MESSAGE_OCTETS_MAX = WRITE_OCTETS_MAX + 4096;
const PAGES_MAX = WRITE_OCTETS_MAX / 4096;
const MINOR = 31;
/** Asynchronous reads, large writes, lookups in parallel, max_pages. */
const INIT_FLAGS = 1 | (1 << 5) | (1 << 18) | (1 << 22);
const CALLS_IN_BACKGROUND = 64;
/** Nothing is kept by the kernel: what another mount changes is seen at once. */
const DIRECT_IO = 1;

export interface Request {
  readonly opcode: number;
  readonly unique: bigint;
  readonly node: number;
  /** Behind the header. */
  readonly body: Buffer;
}

export function readRequest(message: Buffer): Request {
  return {
    opcode: message.readUInt32LE(4),
    unique: message.readBigUInt64LE(8),
    node: u64(message, 16),
    body: message.subarray(HEADER_OCTETS),
  };
}

/** `error`: 0 or a negative errno. */
export function answer(unique: bigint, error: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(head.length + body.length, 0);
  head.writeInt32LE(error, 4);
  head.writeBigUInt64LE(unique, 8);
  return Buffer.concat([head, body]);
}

export function u64(from: Buffer, offset: number): number {
  return Number(from.readBigUInt64LE(offset));
}

/** Texts that end with NUL. */
export function texts(from: Buffer): readonly string[] {
  return from.toString('utf8').split('\0').slice(0, -1);
}

export function initBody(request: Buffer): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(MINOR, 4);
  body.writeUInt32LE(request.readUInt32LE(8), 8); // max_readahead
  body.writeUInt32LE(request.readUInt32LE(12) & INIT_FLAGS, 12);
  body.writeUInt16LE(CALLS_IN_BACKGROUND, 16);
  body.writeUInt16LE(CALLS_IN_BACKGROUND, 18);
  body.writeUInt32LE(WRITE_OCTETS_MAX, 20);
  body.writeUInt32LE(1, 24); // times to the nanosecond
  body.writeUInt16LE(PAGES_MAX, 28);
  return body;
}

/** Neither name nor attributes are valid for any time. */
export function entryBody(node: number, stat: BigIntStats): Buffer {
  const head = Buffer.alloc(40);
  head.writeBigUInt64LE(BigInt(node), 0);
  return Buffer.concat([head, attributes(node, stat)]);
}

export function attributesBody(node: number, stat: BigIntStats): Buffer {
  return Buffer.concat([Buffer.alloc(16), attributes(node, stat)]);
}

export function openBody(handle: number): Buffer {
  const body = Buffer.alloc(16);
  body.writeBigUInt64LE(BigInt(handle), 0);
  body.writeUInt32LE(DIRECT_IO, 8);
  return body;
}

export function writtenBody(octets: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(octets, 0);
  return body;
}

export interface Entry {
  readonly name: string;
  readonly isDirectory: boolean;
}

const DIRECTORY = 4;
const FILE = 8;

/** As many of the entries from an index on as fit. */
export function entriesBody(entries: readonly Entry[], from: number, octetsMax: number): Buffer {
  const parts: Buffer[] = [];
  let octets = 0;
  for (const [index, { name, isDirectory }] of entries.entries()) {
    if (index < from) continue;
    const text = Buffer.from(name);
    const part = Buffer.alloc(Math.ceil((24 + text.length) / 8) * 8);
    if (octets + part.length > octetsMax) break;
    octets += part.length;
    part.writeBigUInt64LE(BigInt(index + 1), 0);
    part.writeBigUInt64LE(BigInt(index + 1), 8); // where the next one is
    part.writeUInt32LE(text.length, 16);
    part.writeUInt32LE(isDirectory ? DIRECTORY : FILE, 20);
    text.copy(part, 24);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export interface Space {
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  readonly bsize: number;
}

const NAME_OCTETS_MAX = 255;

export function spaceBody({ blocks, bfree, bavail, files, ffree, bsize }: Space): Buffer {
  const body = Buffer.alloc(80);
  for (const [index, value] of [blocks, bfree, bavail, files, ffree].entries())
    body.writeBigUInt64LE(BigInt(value), index * 8);
  body.writeUInt32LE(bsize, 40);
  body.writeUInt32LE(NAME_OCTETS_MAX, 44);
  body.writeUInt32LE(bsize, 48);
  return body;
}

const SECOND = 1_000_000_000n;

function attributes(node: number, stat: BigIntStats): Buffer {
  const body = Buffer.alloc(88);
  const times = [stat.atimeNs, stat.mtimeNs, stat.ctimeNs];
  body.writeBigUInt64LE(BigInt(node), 0);
  body.writeBigUInt64LE(stat.size, 8);
  body.writeBigUInt64LE(stat.blocks, 16);
  for (const [index, time] of times.entries()) {
    body.writeBigUInt64LE(time / SECOND, 24 + index * 8);
    body.writeUInt32LE(Number(time % SECOND), 48 + index * 4);
  }
  for (const [index, value] of [stat.mode, stat.nlink, stat.uid, stat.gid, stat.rdev, stat.blksize].entries())
    body.writeUInt32LE(Number(value), 60 + index * 4);
  return body;
}
