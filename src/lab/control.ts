/**
 * How `postern lab kill be1 --base DIR` reaches the lab that runs in DIR: a loopback port and a secret in
 * `DIR/control.json` (mode 0600), one JSON line asked, one answered.
 */
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LAB_ACTIONS, type LabAction } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import { removeFile, writeSecret } from './lab-file.ts';
import { LOOPBACK } from './ports.ts';

const CONTROL_FILE = 'control.json';
const SECRET_OCTETS = 16;
const REQUEST_OCTETS_MAX = 4096;

interface Control {
  readonly pid: number;
  readonly port: number;
  readonly secret: string;
}

interface Request {
  readonly secret: string;
  readonly action: LabAction;
  readonly name: string;
}

type Answer = { readonly ok: true } | { readonly ok: false; readonly why: string };

export type Act = (action: LabAction, name: string) => Promise<void>;

/** The lab's side. Failure 'refused' when another lab runs in this folder. */
export async function serveControl(directory: string, random: Random, act: Act): Promise<AsyncDisposable> {
  const other = await readControl(directory);
  if (other !== undefined && isAlive(other.pid))
    throw new Failure(
      'refused',
      `a lab (process ${other.pid}) runs in ${directory}: stop it, or give another --base`,
    );
  const secret = random.bytes(SECRET_OCTETS).toString('hex');
  const server = createServer((socket) => void answer(socket, secret, act));
  server.listen({ host: LOOPBACK, port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  await writeSecret(
    join(directory, CONTROL_FILE),
    JSON.stringify({ pid: process.pid, port, secret } satisfies Control),
  );
  return {
    async [Symbol.asyncDispose]() {
      await removeFile(join(directory, CONTROL_FILE));
      await closed(server);
    },
  };
}

/** The command's side: resolves when the lab has done it. */
export async function askLab(directory: string, action: LabAction, name: string): Promise<void> {
  const control = await readControl(directory);
  if (control === undefined) throw new Failure('not-found', `no lab runs in ${directory}`);
  const socket = connect({ host: LOOPBACK, port: control.port });
  try {
    await once(socket, 'connect');
  } catch (cause) {
    throw new Failure('not-found', `no lab runs in ${directory} any more`, { cause });
  }
  socket.write(`${JSON.stringify({ secret: control.secret, action, name } satisfies Request)}\n`);
  const line = await firstLine(socket);
  socket.destroy();
  if (line === undefined) throw new Failure('unknown', 'the lab ended before it answered');
  const answered = JSON.parse(line) as Answer;
  if (!answered.ok) throw new Failure('refused', answered.why);
}

async function answer(socket: Socket, secret: string, act: Act): Promise<void> {
  socket.on('error', () => socket.destroy());
  const line = await firstLine(socket);
  if (line === undefined) return void socket.destroy();
  let result: Answer;
  try {
    const request = readRequest(line, secret);
    await act(request.action, request.name);
    result = { ok: true };
  } catch (error) {
    result = { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
  socket.end(`${JSON.stringify(result)}\n`);
}

function readRequest(line: string, secret: string): Request {
  const request = JSON.parse(line) as Partial<Request>;
  const given = Buffer.from(String(request.secret));
  if (given.length !== secret.length || !timingSafeEqual(given, Buffer.from(secret)))
    throw new Failure('refused', 'not the secret of this lab');
  const action = LAB_ACTIONS.find((each) => each === request.action);
  if (action === undefined || typeof request.name !== 'string') throw new Failure('invalid', 'not a request');
  return { secret, action, name: request.name };
}

async function firstLine(socket: Socket): Promise<string | undefined> {
  const lines = createInterface({ input: socket });
  let octets = 0;
  socket.on('data', (bytes: Buffer) => {
    octets += bytes.length;
    if (octets > REQUEST_OCTETS_MAX) socket.destroy();
  });
  for await (const line of lines) return line;
  return undefined;
}

async function readControl(directory: string): Promise<Control | undefined> {
  const text = await readFile(join(directory, CONTROL_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as Control);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
