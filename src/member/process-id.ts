/** `<base>/ProcessID`: the supervisor's process id, so that scripts find it and two members never share a base folder. */
import { readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../lib/failure.ts';

const PROCESS_ID_FILE = 'ProcessID';

/** Writes our id. Failure 'refused' when the one that stands there is alive and ours to fear. */
export async function takeProcessId(base: string): Promise<AsyncDisposable> {
  const path = join(base, PROCESS_ID_FILE);
  const other = Number(await readFile(path, 'utf8').catch(() => ''));
  if (other > 0 && other !== process.pid && (await isMember(other)))
    throw new Failure(
      'refused',
      `${path}: process ${other} runs on this base folder: stop it, or give another --Base`,
    );
  await writeFile(path, `${process.pid}\n`);
  return {
    async [Symbol.asyncDispose]() {
      const now = Number(await readFile(path, 'utf8').catch(() => ''));
      if (now === process.pid) await unlink(path);
    },
  };
}

/** After a crash of the machine the number may be another program's by now. */
async function isMember(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  return command === undefined || command.includes('src/main.ts');
}
