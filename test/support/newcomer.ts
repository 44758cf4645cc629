/** A member that comes to a cluster which runs already, as an operator brings it: invited, joined, started. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { MemberStatusFile } from './lab.ts';
import { POSTERN } from './lab.ts';
import { baseFolder, Member } from './member.ts';

export interface Done {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** `postern ARGS`, to its end. */
export async function postern(...args: readonly string[]): Promise<Done> {
  const child = spawn(POSTERN, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { out: '', err: '' };
  child.stdout.on('data', (text: Buffer) => (output.out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output.err += text.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output };
}

export interface Newcomer {
  readonly name: string;
  readonly flag: '--ClusterBackend' | '--ClusterFrontend' | '--ClusterSymmetric';
  /** As in a settings file; all listeners that are not among them are off. */
  readonly settings: Readonly<Record<string, string>>;
  /** Where the shared storage is; none for a frontend. */
  readonly storage?: string;
  /** The base folder of a backend that runs. */
  readonly host: string;
}

/** Resolves when it is ready. Rejects with what was printed when a step is refused. */
export async function bring(
  t: Test,
  { name, flag, settings, storage, host }: Newcomer,
): Promise<{ readonly member: Member; readonly status: () => Promise<MemberStatusFile> }> {
  const base = await baseFolder(t, { MemberName: name, ...settings });
  if (storage !== undefined) await symlink(storage, join(base, 'SharedDomains'));
  const invited = await well(postern('invite', name, flag, '--Base', host));
  await well(postern('join', invited.out.trim(), '--Base', base));
  const member = Member.run(t, base, [flag]);
  await member.ready();
  return { member, status: () => statusOf(base) };
}

/** What the member itself says. */
export async function statusOf(base: string): Promise<MemberStatusFile> {
  return JSON.parse(await readFile(join(base, 'status.json'), 'utf8')) as MemberStatusFile;
}

async function well(done: Promise<Done>): Promise<Done> {
  const what = await done;
  if (what.status !== 0) throw new Error(what.err);
  return what;
}
