/**
 * Serves a mount that shows a folder: `node relay-process.ts FOLDER PATH`. Every call becomes the same call on the folder,
 * with the same flags, and nothing is kept in between. Stopped by a signal it is a storage that does not answer.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, open as openDevice, read as readDevice, write as writeDevice } from 'node:fs';
import * as fs from 'node:fs/promises';
import { promisify } from 'node:util';
import {
  answer,
  attributesBody,
  type Entry,
  entriesBody,
  entryBody,
  initBody,
  MESSAGE_OCTETS_MAX,
  Opcode,
  openBody,
  type Request,
  readRequest,
  spaceBody,
  texts,
  UNANSWERED,
  u64,
  writtenBody,
} from './fuse.ts';

const [, , folder, mountPath] = process.argv;
if (folder === undefined || mountPath === undefined) throw new Error('FOLDER and PATH');

const ROOT = 1;
const ENOENT = -2;
const EIO = -5;
const ENOSYS = -38;
/** The kernel says where; it has looked at what must not be there. */
const NOT_PASSED = constants.O_APPEND | constants.O_NOCTTY;
/** Bits of `valid` in a change of attributes. */
const SETS_MODE = 1;
const SETS_SIZE = 8;
const SETS_BY_HANDLE = 64;
const DATA_ONLY = 1;

const NOTHING = Buffer.alloc(0);

interface Node {
  path: string;
  /** How often the kernel was told of it and has not forgotten. */
  lookups: number;
}

const nodes = new Map<number, Node>([[ROOT, { path: folder, lookups: 1 }]]);
const byPath = new Map<string, number>([[folder, ROOT]]);
let lastNode = ROOT;
const files = new Map<number, fs.FileHandle>();
const directories = new Map<number, readonly Entry[]>();
let lastHandle = 0;

const device = await promisify(openDevice)('/dev/fuse', 'r+');
const mounting = spawn(
  'mount',
  ['-i', '-t', 'fuse', '-o', 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other', 'relayed', mountPath],
  { stdio: ['ignore', 'inherit', 'inherit', device] },
);
const [status] = (await once(mounting, 'exit')) as [number | null];
if (status !== 0) throw new Error(`mount: ${status}`);
process.send?.('mounted');
process.once('disconnect', () => process.exit());
await serve();

async function serve(): Promise<void> {
  const room = Buffer.alloc(MESSAGE_OCTETS_MAX);
  const read = promisify(readDevice);
  for (;;) {
    const { bytesRead } = await read(device, room, 0, room.length, null);
    void handle(readRequest(Buffer.from(room.subarray(0, bytesRead))));
  }
}

async function handle(request: Request): Promise<void> {
  const { opcode, unique, node } = request;
  if (opcode === Opcode.forget) forget(node, u64(request.body, 0));
  if (opcode === Opcode.batchForget) forgetMany(request.body);
  if (UNANSWERED.has(opcode)) return;
  const said = await serveCall(request).then(
    (body) => (body === undefined ? answer(unique, ENOSYS) : answer(unique, 0, body)),
    (error: NodeJS.ErrnoException) => answer(unique, error.errno ?? EIO),
  );
  // ENOENT: who asked was killed meanwhile.
  writeDevice(device, said, 0, said.length, null, () => undefined);
}

/** Undefined for what is not served. */
async function serveCall({ opcode, node, body }: Request): Promise<Buffer | undefined> {
  switch (opcode) {
    case Opcode.init:
      return initBody(body);
    case Opcode.lookup:
      return entry(below(node, texts(body)[0]!));
    case Opcode.getattr:
      return attributesBody(node, await statOf(node, body.readUInt32LE(0) & 1 ? u64(body, 8) : undefined));
    case Opcode.setattr:
      return setAttributes(node, body);
    case Opcode.mkdir: {
      const path = below(node, texts(body.subarray(8))[0]!);
      await fs.mkdir(path, body.readUInt32LE(0));
      return entry(path);
    }
    case Opcode.unlink:
    case Opcode.rmdir: {
      const path = below(node, texts(body)[0]!);
      await (opcode === Opcode.rmdir ? fs.rmdir(path) : fs.unlink(path));
      byPath.delete(path);
      return NOTHING;
    }
    case Opcode.rename:
    case Opcode.rename2: {
      const [from, to] = texts(body.subarray(opcode === Opcode.rename ? 8 : 16));
      return rename(below(node, from!), below(u64(body, 0), to!));
    }
    case Opcode.create: {
      const path = below(node, texts(body.subarray(16))[0]!);
      const handle = await openFile(path, body.readUInt32LE(0) | constants.O_CREAT, body.readUInt32LE(4));
      return Buffer.concat([await entry(path), openBody(handle)]);
    }
    case Opcode.open:
      return openBody(await openFile(pathOf(node), body.readUInt32LE(0)));
    case Opcode.read: {
      const octets = Buffer.alloc(body.readUInt32LE(16));
      const { bytesRead } = await file(body).read(octets, 0, octets.length, u64(body, 8));
      return octets.subarray(0, bytesRead);
    }
    case Opcode.write: {
      const length = body.readUInt32LE(16);
      const { bytesWritten } = await file(body).write(body, 40, length, u64(body, 8));
      return writtenBody(bytesWritten);
    }
    case Opcode.fsync:
      await (body.readUInt32LE(8) & DATA_ONLY ? file(body).datasync() : file(body).sync());
      return NOTHING;
    case Opcode.release:
      await file(body).close();
      files.delete(u64(body, 0));
      return NOTHING;
    case Opcode.opendir:
      return openBody(await openDirectory(pathOf(node)));
    case Opcode.readdir:
      return entriesBody(directories.get(u64(body, 0)) ?? [], u64(body, 8), body.readUInt32LE(16));
    case Opcode.releasedir:
      directories.delete(u64(body, 0));
      return NOTHING;
    case Opcode.fsyncdir: {
      await using directory = await fs.open(pathOf(node), 'r');
      await directory.sync();
      return NOTHING;
    }
    case Opcode.statfs:
      return spaceBody(await fs.statfs(folder!));
    default:
      return undefined;
  }
}

async function entry(path: string): Promise<Buffer> {
  const stat = await fs.lstat(path, { bigint: true });
  const node = byPath.get(path) ?? ++lastNode;
  const known = nodes.get(node) ?? { path, lookups: 0 };
  known.lookups++;
  nodes.set(node, known);
  byPath.set(path, node);
  return entryBody(node, stat);
}

function statOf(node: number, handle: number | undefined) {
  const open = handle === undefined ? undefined : files.get(handle);
  return open === undefined ? fs.lstat(pathOf(node), { bigint: true }) : open.stat({ bigint: true });
}

async function setAttributes(node: number, body: Buffer): Promise<Buffer> {
  const valid = body.readUInt32LE(0);
  const handle = valid & SETS_BY_HANDLE ? u64(body, 8) : undefined;
  if (valid & SETS_SIZE)
    await (handle === undefined
      ? fs.truncate(pathOf(node), u64(body, 16))
      : files.get(handle)!.truncate(u64(body, 16)));
  if (valid & SETS_MODE) await fs.chmod(pathOf(node), body.readUInt32LE(68) & 0o7777);
  return attributesBody(node, await statOf(node, handle));
}

async function openFile(path: string, flags: number, mode?: number): Promise<number> {
  const opened = await fs.open(path, flags & ~NOT_PASSED, mode);
  const handle = ++lastHandle;
  files.set(handle, opened);
  return handle;
}

/** Read whole: who lists sees one moment. */
async function openDirectory(path: string): Promise<number> {
  const found = await fs.readdir(path, { withFileTypes: true });
  const handle = ++lastHandle;
  directories.set(
    handle,
    found.map((each) => ({ name: each.name, isDirectory: each.isDirectory() })),
  );
  return handle;
}

async function rename(from: string, to: string): Promise<Buffer> {
  await fs.rename(from, to);
  byPath.delete(to);
  for (const [path, node] of Array.from(byPath)) {
    if (path !== from && !path.startsWith(`${from}/`)) continue;
    const moved = to + path.slice(from.length);
    byPath.delete(path);
    byPath.set(moved, node);
    nodes.get(node)!.path = moved;
  }
  return NOTHING;
}

function below(node: number, name: string): string {
  return `${pathOf(node)}/${name}`;
}

function pathOf(node: number): string {
  const known = nodes.get(node);
  if (known === undefined) throw Object.assign(new Error('no such node'), { errno: ENOENT });
  return known.path;
}

function file(body: Buffer): fs.FileHandle {
  const open = files.get(u64(body, 0));
  if (open === undefined) throw Object.assign(new Error('no such handle'), { errno: EIO });
  return open;
}

function forget(node: number, lookups: number): void {
  const known = nodes.get(node);
  if (known === undefined || node === ROOT) return;
  known.lookups -= lookups;
  if (known.lookups > 0) return;
  nodes.delete(node);
  if (byPath.get(known.path) === node) byPath.delete(known.path);
}

function forgetMany(body: Buffer): void {
  const count = body.readUInt32LE(0);
  for (let index = 0; index < count; index++) forget(u64(body, 8 + index * 16), u64(body, 16 + index * 16));
}
