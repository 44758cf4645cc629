/**
 * Replaces text in source files of ours as this thread loads them, for the bugs that no seam reaches. To be called before
 * anything of `src/` is imported. Text that is not there exactly once any more is an error, and so is a file that nobody
 * loaded: a bug that is not in is never taken for one that was not found.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface SourceChange {
  /** A folder from the root of the repository: in which file of it the text is, the text itself says. */
  readonly below: string;
  /** Found exactly once below the folder; a line break and the blanks around it count as one blank. */
  readonly text: string;
  readonly by: string;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What comes back throws when one of the changes was not made. */
export function changeSources(changes: readonly SourceChange[]): () => void {
  const byUrl = new Map<string, SourceChange[]>();
  for (const change of changes) {
    const url = pathToFileURL(fileOf(change)).href;
    byUrl.set(url, [...(byUrl.get(url) ?? []), change]);
  }
  const open = new Set(byUrl.keys());
  registerHooks({
    load: (url, context, next) => {
      const here = byUrl.get(url);
      if (here === undefined) return next(url, context);
      open.delete(url);
      const source = here.reduce(changed, readFileSync(fileURLToPath(url), 'utf8'));
      return { format: 'module-typescript', source, shortCircuit: true };
    },
  });
  return () => {
    for (const url of open) throw new Error(`${url} was not loaded behind the change of it`);
  };
}

/** The one file below its folder that has the text. */
export function fileOf({ below, text }: SourceChange): string {
  const pattern = patternOf(text);
  const files = readdirSync(join(ROOT, below), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, below, name))
    .filter((path) => pattern.test(readFileSync(path, 'utf8')));
  if (files.length !== 1)
    throw new Error(
      `${files.length} files below ${below} have ${JSON.stringify(text)}: the bug has to be put elsewhere`,
    );
  return files[0]!;
}

/** The source with the change made. */
export function changed(source: string, { text, by }: SourceChange): string {
  const found = [...source.matchAll(new RegExp(patternOf(text), 'g'))];
  if (found.length !== 1)
    throw new Error(
      `${found.length} times ${JSON.stringify(text)} in one file: the bug has to be put elsewhere`,
    );
  const [match] = found;
  return source.slice(0, match!.index) + by + source.slice(match!.index + match![0].length);
}

/** Formatting is no part of the text that is looked for. */
function patternOf(text: string): RegExp {
  const words = text.trim().split(/\s+/);
  return new RegExp(words.map((word) => RegExp.escape(word)).join('\\s+'));
}
