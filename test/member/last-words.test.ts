/** A process that dies of an error of ours leaves it in the log, be it thrown or a promise's. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';

const SOURCES = new URL('../../src/', import.meta.url);

const program = (file: string, act: string) => `
  import { createLogger } from '${new URL('lib/logging.ts', SOURCES).href}';
  import { logLastWords } from '${new URL('member/last-words.ts', SOURCES).href}';
  const logger = createLogger({ level: 'info', to: ${JSON.stringify(file)} });
  logLastWords(logger);
  setTimeout(() => { ${act} }, 100);
`;

for (const [what, act] of [
  ['thrown', "throw new Error('a bug')"],
  ['a promise that nobody waits for', "void Promise.reject(new Error('a bug'))"],
] as const)
  void t.test(what, async (t) => {
    const file = join(t.testdir({}), 'postern.log');
    const code = await new Promise<unknown>((resolve) => {
      const args = ['--input-type=module', '-e', program(file, act)];
      execFile(process.execPath, args, (error) => resolve(error?.code));
    });
    t.equal(code, 1, 'it ends as always');
    const line = JSON.parse((await readFile(file, 'utf8')).trim()) as Record<string, unknown>;
    t.match(line, { level: 60, err: { message: 'a bug' } });
  });
