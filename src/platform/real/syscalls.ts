/**
 * The system calls of node:fs as promises on plain descriptors: cheaper than FileHandle on the path of every commit, and
 * with an error code always there. libuv has no name for ESTALE and EDQUOT; Node then gives `UNKNOWN` or none at all
 * (shared facts: NFS, section 4), so the code is taken from the number.
 */
import fs from 'node:fs';
import { constants } from 'node:os';

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

function call<T>(start: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(withCode(error))));
  });
}

/** Calls without a value pass their callback only an error or nothing. */
function act(start: (done: (error?: NodeJS.ErrnoException | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(withCode(error)) : resolve()));
  });
}

/** Gives an error of libuv the code of its number where libuv knows no name. */
export function withCode(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  if (
    error.errno === undefined ||
    (error.code !== undefined && constants.errno[error.code as 'EIO'] !== undefined)
  )
    return error;
  for (const [code, errno] of Object.entries(constants.errno)) if (errno === -error.errno) error.code = code;
  return error;
}

export function open(path: string, flags: number, mode?: number): Promise<number> {
  return call((done) => fs.open(path, flags, mode, done));
}

export function close(fd: number): Promise<void> {
  return act((done) => fs.close(fd, done));
}

/** One pwritev(2): how many octets it took, possibly fewer than given. */
export function writev(fd: number, chunks: readonly Buffer[], position: number): Promise<number> {
  return call((done) => fs.writev(fd, chunks, position, done));
}

/** One pread(2): how many octets it gave; 0 at the end of the file. */
export function read(fd: number, into: Buffer, from: number, position: number): Promise<number> {
  return call((done) => fs.read(fd, into, from, into.length - from, position, done));
}

export function sizeOf(fd: number): Promise<number> {
  return call<fs.Stats>((done) => fs.fstat(fd, done)).then((stats) => stats.size);
}

export function fsync(fd: number): Promise<void> {
  return act((done) => fs.fsync(fd, done));
}

export function names(path: string): Promise<string[]> {
  return call((done) => fs.readdir(path, done));
}

export function entries(path: string): Promise<fs.Dirent[]> {
  return call((done) => fs.readdir(path, { withFileTypes: true }, done));
}

/** Gives the first directory that was made, if any. */
export function makeDirectory(path: string, mode: number): Promise<string | undefined> {
  return call((done) => fs.mkdir(path, { recursive: true, mode }, done));
}

export function rename(from: string, to: string): Promise<void> {
  return act((done) => fs.rename(from, to, done));
}

export function unlink(path: string): Promise<void> {
  return act((done) => fs.unlink(path, done));
}

export function removeDirectory(path: string): Promise<void> {
  return act((done) => fs.rmdir(path, done));
}

/** The magic number of the file system that holds a path, statfs(2). */
export function fileSystemType(path: string): Promise<number> {
  return call<fs.StatsFs>((done) => fs.statfs(path, done)).then((stats) => stats.type);
}
