/** Dovecot as a peer, in a folder of its own, on loopback, everything synced. Undefined where it is not installed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Address } from '../../src/platform/platform.ts';

export interface Dovecot {
  readonly lmtp: Address;
  readonly pid: number;
  stop(): Promise<void>;
}

const BINARY = '/usr/sbin/dovecot';

export async function startDovecot(
  folder: string,
  format: 'sdbox' | 'maildir',
  port: number,
): Promise<Dovecot | undefined> {
  const lmtp = { host: '127.0.0.1', port };
  const running = await runDovecot(folder, lmtp, async (base) => configuration(base, format, port));
  return running === undefined ? undefined : { ...running, lmtp };
}

export interface Running {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts it with this configuration, in a new folder, and waits until it listens there. */
export async function runDovecot(
  folder: string,
  listening: Address,
  configure: (base: string) => Promise<string>,
): Promise<Running | undefined> {
  const installed = await access(BINARY).then(
    () => true,
    () => false,
  );
  if (!installed) return undefined;
  const base = await mkdtemp(join(folder, 'dovecot-'));
  await chmod(base, 0o755);
  await mkdir(join(base, 'mail'), { mode: 0o777 });
  await chmod(join(base, 'mail'), 0o777);
  await writeFile(join(base, 'conf'), await configure(base));
  const process = spawn(BINARY, ['-F', '-c', join(base, 'conf')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (let tries = 0; !(await listens(listening)); tries++) {
    if (tries > 200 || process.exitCode !== null) throw new Error('dovecot did not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    pid: process.pid!,
    async stop() {
      const ended = once(process, 'exit');
      process.kill('SIGTERM');
      await ended;
      await rm(base, { recursive: true, force: true });
    },
  };
}

/** What every peer has: its own folder, every change synced, mail of all accounts as one user. */
export function common(base: string, format: 'sdbox' | 'maildir'): string {
  return `
base_dir = ${base}/run
state_dir = ${base}/run
log_path = ${base}/log
mail_location = ${format}:${base}/mail/%n
mail_fsync = always
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = dovecot
default_login_user = dovenull
service stats {
  chroot =
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${base}/mail/%n allow_all_users=yes
}
`;
}

function configuration(base: string, format: 'sdbox' | 'maildir', port: number): string {
  return `
${common(base, format)}
protocols = lmtp
ssl = no
auth_username_format = %n
lmtp_save_to_detail_mailbox = no
service lmtp {
  process_limit = 60
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
  }
}
passdb {
  driver = static
  args = nopassword=y
}
`;
}

async function listens(address: Address): Promise<boolean> {
  const socket = connect(address.port, address.host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // refused: not yet
  } finally {
    socket.destroy();
  }
}
