/**
 * Rules on our own sources (docs/architecture.md, section 7): each takes the sources and gives findings, so that every
 * rule can be shown to find something. Paths are relative to the project, with `/`.
 */
import { posix } from 'node:path';

export interface Source {
  readonly path: string;
  readonly text: string;
}

/** `path:line: what`, as an editor opens it. */
export type Finding = string;

/**
 * Lower may not import higher, and equals not each other. A folder that is not here is a finding: whoever adds one says
 * where it stands.
 */
export const LEVELS: ReadonlyMap<string, number> = new Map([
  ['src/lib', 0],
  ['src/mime', 1],
  ['src/platform', 2],
  ['src/settings', 3],
  ['src/store', 4],
  ['src/cluster', 5],
  ['src/message', 5],
  ['src/directory', 6],
  ['src/certificates', 7],
  ['src/relay', 7],
  ['src/login', 7],
  ['src/sasl', 8],
  ['src/admin', 8],
  ['src/smtp', 9],
  ['src/imap', 9],
  ['src/pop', 9],
  ['src/cli', 9],
  ['src/http', 9],
  ['src/flags.ts', 10],
  ['src/member', 11],
  ['src/lab', 12],
  ['src/main.ts', 13],
]);

/** Where the world may be touched: the real platform, and what starts processes. */
const WORLDLY = ['src/platform/real/', 'src/member/', 'src/lab/', 'src/main.ts'];
/** Runs before there is a service, or beside it. */
const NOT_SERVING = ['src/lab/', 'src/main.ts'];
/** Only these build the real platform. */
const REAL_PLATFORM = 'src/platform/real/';

export const LINES_MAX = 500;

export function importDirections(sources: readonly Source[]): Finding[] {
  return sources.flatMap((source) => {
    const from = areaOf(source.path);
    if (from === undefined)
      return [`${source.path}:1: a folder that LEVELS in test/tidy/rules.ts does not know`];
    return importsOf(source).flatMap(({ target, line }) => {
      const to = target === undefined ? undefined : areaOf(target);
      if (target === undefined || to === from) return realPlatform(source, target, line);
      const upward = to === undefined || (LEVELS.get(to) ?? 0) >= (LEVELS.get(from) ?? 0);
      return upward
        ? [`${source.path}:${line}: ${from} imports ${target}`]
        : realPlatform(source, target, line);
    });
  });
}

function realPlatform(source: Source, target: string | undefined, line: number): Finding[] {
  const fine = target?.startsWith(REAL_PLATFORM) !== true || under(source.path, WORLDLY);
  return fine ? [] : [`${source.path}:${line}: imports the real platform, which is a parameter`];
}

/** Files that nothing imports and no process is started from: a path in quotes counts as either. */
export function deadFiles(sources: readonly Source[], entry: string): Finding[] {
  const alive = new Set([entry]);
  for (const source of sources)
    for (const [, quoted = ''] of source.text.matchAll(/['"`]([\w./-]+\.ts)['"`]/g)) {
      const target = posix.join(posix.dirname(source.path), quoted);
      if (target !== source.path) alive.add(target);
    }
  // A declaration of a package's types is taken up by the compiler, not imported.
  return sources
    .filter(({ path }) => !alive.has(path) && !path.endsWith('.d.ts'))
    .map(({ path }) => `${path}:1: nothing in src uses this file`);
}

/** Words in two parts, so that this file does not find itself. */
export const MARKERS: readonly string[] = [
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['HA', 'CK'],
  ['XX', 'X'],
].map((parts) => parts.join(''));
export const EXCUSES: readonly string[] = [
  ['for', ' now'],
  ['not', ' implemented'],
  ['not yet', ' implemented'],
].map((parts) => parts.join(''));

export function leftovers(sources: readonly Source[]): Finding[] {
  const markers = new RegExp(`\\b(?:${MARKERS.join('|')})\\b`);
  const excuses = new RegExp(`\\b(?:${EXCUSES.join('|')})\\b`, 'i');
  return lines(sources, (line) => markers.exec(line)?.[0] ?? excuses.exec(line)?.[0], { code: false });
}

const WORLD = [
  /\bDate\.now\b/,
  /\bnew Date\(\s*\)/,
  /\bMath\.random\b/,
  /\bperformance\.(?:now|timeOrigin)\b/,
  /\bprocess\.(?:env|hrtime|exit|kill)\b/,
  /\bset(?:Timeout|Interval)\(/,
  /\brandom(?:Bytes|UUID|Int|FillSync)\(/,
];
const WORLD_MODULES =
  /^\s*(?:import|export)\s+(?!type\b)[^'"]*['"]node:(?:fs|fs\/promises|net|tls|dns|dgram|timers\/promises)['"]/;

/** Clock, randomness, environment, files and network come in as parameters. `allowed`: path → what it may. */
export function worldTouched(
  sources: readonly Source[],
  allowed: ReadonlyMap<string, RegExp> = new Map(),
): Finding[] {
  const serving = sources.filter(({ path }) => !under(path, WORLDLY));
  const touches = (line: string, path: string): string | undefined => {
    const found = WORLD.map((each) => each.exec(line)?.[0]).find((each) => each !== undefined);
    return found !== undefined && allowed.get(path)?.test(found) === true ? undefined : found;
  };
  return [
    ...lines(serving, touches, { code: true }),
    ...lines(serving, (line) => (WORLD_MODULES.test(line) ? line.trim() : undefined), { code: false }),
  ];
}

/** A call that blocks the event loop: `readFileSync(`, `scryptSync(`, `Atomics.wait(`. */
export function syncCalls(sources: readonly Source[]): Finding[] {
  const serving = sources.filter(({ path }) => !under(path, NOT_SERVING));
  return lines(serving, (line) => /\b\w+Sync\(|\bAtomics\.wait\(/.exec(line)?.[0], { code: true });
}

/** Variables of a module are shared by all who import it. What is started as a process of its own may have some. */
export function moduleState(sources: readonly Source[], entry: string): Finding[] {
  const programs = new Set([entry]);
  for (const { path, text } of sources)
    for (const [, started = ''] of text.matchAll(/\bnew URL\('([\w./-]+\.ts)', import\.meta\.url\)/g))
      programs.add(posix.join(posix.dirname(path), started));
  const modules = sources.filter(({ path }) => !programs.has(path));
  return lines(modules, (line) => /^(?:export )?(?:let|var)\b.*/.exec(line)?.[0], { code: true });
}

/** Files may not grow past LINES_MAX; an old one of `larger` may not grow past what it had, and leaves when it shrank. */
export function tooLong(sources: readonly Source[], larger: ReadonlyMap<string, number>): Finding[] {
  return sources.flatMap(({ path, text }) => {
    const count = text.split('\n').length - 1;
    const most = larger.get(path) ?? LINES_MAX;
    if (count > most)
      return [`${path}:${count}: ${count} lines are more than ${most}: find the second idea in it`];
    const shrank = larger.has(path) && count < most;
    return shrank
      ? [`${path}:1: has ${count} lines now: lower its number in test/tidy.test.ts, or take it out`]
      : [];
  });
}

interface Import {
  /** Undefined for a package or a module of Node. */
  readonly target: string | undefined;
  readonly line: number;
}

function importsOf({ path, text }: Source): Import[] {
  const found = [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g,
    ),
  ];
  return found.map((each) => {
    const name = each[1] ?? each[2] ?? '';
    const target = name.startsWith('.') ? posix.join(posix.dirname(path), name) : undefined;
    return { target, line: text.slice(0, each.index + each[0].length).split('\n').length };
  });
}

/** `src/cluster` of `src/cluster/bus/link.ts`; `src/flags.ts` of itself. */
function areaOf(path: string): string | undefined {
  const area = path.split('/').slice(0, 2).join('/');
  return LEVELS.has(area) ? area : undefined;
}

function under(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(folder));
}

/** Looks at each line; with `code` at its code only, without comments and the insides of strings. */
function lines(
  sources: readonly Source[],
  find: (line: string, path: string) => string | undefined,
  { code }: { readonly code: boolean },
): Finding[] {
  return sources.flatMap(({ path, text }) =>
    (code ? codeOf(text) : text).split('\n').flatMap((line, index) => {
      const found = find(line, path);
      return found === undefined ? [] : [`${path}:${index + 1}: ${found}`];
    }),
  );
}

/** The text with comments and quoted strings blanked, line ends kept. Templates stay: there is code in them. */
export function codeOf(text: string): string {
  const blank = (part: string): string => part.replaceAll(/[^\n]/g, ' ');
  // A regular expression literal may hold quotes, so it is matched too, where one can stand.
  return text.replaceAll(
    /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|(?<=[=(,:!&|?{;\n]\s*)\/(?![/*])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//g,
    blank,
  );
}
