/** What lies on the storage, as files: for a look past every owner and every cache. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const LOG = /^\d{6,}\.log$/;
/** The subjects of the messages that the load sends. */
const MARK = /Subject: ([a-z0-9-]+)\r\n/g;

/** The log files below a directory in which these octets are. */
export async function filesWith(root: string, text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of await logFiles(root)) if ((await readFile(path)).includes(text)) found.push(path);
  return found;
}

/** The subjects of all messages in log files below a directory, whether they count or not. */
export async function marksIn(root: string): Promise<ReadonlySet<string>> {
  const marks = new Set<string>();
  for (const path of await logFiles(root))
    for (const [, mark] of (await readFile(path, 'latin1')).matchAll(MARK)) marks.add(mark!);
  return marks;
}

async function logFiles(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && LOG.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name));
}
