/** Programs that others wrote, run against a real cluster's IMAP doors (test/clients). */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Address } from '../../src/platform/platform.ts';
import { Lab, type Login } from '../support/lab.ts';

const TIMEOUT_MS = 60_000;

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One octet a character both ways. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const how = {
      timeout: TIMEOUT_MS,
      maxBuffer: 2 ** 26,
      encoding: 'latin1',
      env: { ...process.env, ...options.env },
    } as const;
    const child = execFile(program, args, how, (error, stdout, stderr) =>
      resolve({
        status: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        stdout,
        stderr,
      }),
    );
    child.stdin?.on('error', () => undefined); // a program that is not there, or has enough
    child.stdin?.end(options.input, 'latin1');
  });
}

/** What a test says that is left out, as its program is not here; false when it is. */
export async function without(
  apt: string,
  program: string,
  ...args: readonly string[]
): Promise<string | false> {
  return (await run(program, args)).status === 0 ? false : `${program} is not installed (apt: ${apt})`;
}

export interface ImapLab {
  readonly imap: Address;
  readonly imaps: Address;
  readonly accounts: readonly Login[];
  /** A folder of the test's own. */
  readonly folder: string;
}

/** A small cluster whose frontend the program talks to; gone with the test. */
export async function startImapLab(t: Test, accounts = 1): Promise<ImapLab> {
  const lab = await Lab.start(['--backends', '1', '--frontends', '1', '--accounts', String(accounts)]);
  const folder = await mkdtemp(join(tmpdir(), 'postern-client-'));
  t.teardown(async () => {
    await lab.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    imap: await lab.service('fe1', 'imap'),
    imaps: await lab.service('fe1', 'imaps'),
    accounts: (await lab.file()).accounts,
    folder,
  };
}

/** A file with the certificate that the cluster shows, which it signed itself: for programs that want to know it. */
export async function serverCertificate({ host, port }: Address, folder: string): Promise<string> {
  const { stdout } = await run('openssl', ['s_client', '-connect', `${host}:${port}`, '-showcerts'], {
    input: '',
  });
  const path = join(folder, 'server.pem');
  await writeFile(
    path,
    /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/.exec(stdout)?.[0] ?? '',
  );
  return path;
}
