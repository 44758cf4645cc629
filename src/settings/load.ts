/**
 * Reads a member's settings file. A missing file means the defaults; anything wrong is a value that names file, line,
 * key and what is allowed, all problems at once, so that an operator mends the file in one go.
 */
import { join } from 'node:path';
import { type Document, newDocument, parseDocument } from '../lib/dictionary/document.ts';
import { FILE_LIMITS } from '../lib/dictionary/parse.ts';
import { errorCode } from '../lib/failure.ts';
import type { Fs } from '../platform/platform.ts';
import type { Setting } from './declare.ts';
import {
  checkSettings,
  defaultSettings,
  isSettingName,
  SETTINGS,
  type SettingName,
  type Settings,
} from './settings.ts';

/** Below the base folder. */
export const SETTINGS_FILE = join('Settings', 'Main.settings');

export interface SettingsProblem {
  readonly file: string;
  readonly line: number | undefined;
  readonly key: string | undefined;
  /** What is wrong and what is allowed. */
  readonly why: string;
}

export type LoadedSettings =
  | { readonly kind: 'value'; readonly settings: Settings; readonly document: Document }
  | { readonly kind: 'bad'; readonly problems: readonly SettingsProblem[] };

/** What loading needs of the platform. */
export type SettingsFs = Pick<Fs, 'open' | 'list'>;

/** Reads `<base>/Settings/Main.settings`. `isBackend` for a member that owns accounts in a cluster. */
export async function loadSettings(fs: SettingsFs, base: string, isBackend = false): Promise<LoadedSettings> {
  try {
    await fs.list(base);
  } catch (error) {
    return bad(
      base,
      `the base folder cannot be read (${codeOf(error)}): create it, or name another with --Base`,
    );
  }
  const file = join(base, SETTINGS_FILE);
  let octets: Buffer | undefined;
  try {
    octets = await readFile(fs, file);
  } catch (error) {
    return bad(
      file,
      `cannot be read (${codeOf(error)}): make it readable, or remove it to run with the defaults`,
    );
  }
  return readSettings(octets, file, isBackend);
}

/** Reads the octets of a settings file; undefined when there is none. `file` is for messages only. */
export function readSettings(octets: Buffer | undefined, file: string, isBackend = false): LoadedSettings {
  const document = octets === undefined ? newDocument(new Map()) : parseDocument(octets);
  if ('kind' in document)
    return {
      kind: 'bad',
      problems: [
        { file, line: document.line, key: undefined, why: `column ${document.column}: ${document.why}` },
      ],
    };
  const problem = (key: string, why: string): SettingsProblem => ({
    file,
    line: document.position([key])?.line,
    key,
    why,
  });
  const problems: SettingsProblem[] = [];
  const values: Record<string, unknown> = { ...defaultSettings() };
  for (const [key, value] of document.value) {
    if (!isSettingName(key)) {
      problems.push(problem(key, unknownKey(key)));
      continue;
    }
    const declared: Setting<unknown> = SETTINGS[key];
    const read = declared.type.read(value);
    if (read === undefined) problems.push(problem(key, `give ${declared.type.allowed}`));
    else values[key] = read;
  }
  const settings = values as unknown as Settings;
  // Between settings only when each is right by itself: one mistake, one message.
  if (problems.length === 0)
    problems.push(...checkSettings(settings, isBackend).map(({ key, why }) => problem(key, why)));
  return problems.length === 0 ? { kind: 'value', settings, document } : { kind: 'bad', problems };
}

/** `/var/postern/Settings/Main.settings:3: Heartbeat: give a time from …` */
export function problemLine({ file, line, key, why }: SettingsProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return key === undefined ? `${place}: ${why}` : `${place}: ${key}: ${why}`;
}

/**
 * Why an address that a setting names cannot be listened on, as one line that says what to change. `error` is what
 * listening rejected with.
 */
export function listenProblem(
  base: string,
  document: Document,
  key: SettingName,
  error: unknown,
): SettingsProblem {
  const why =
    LISTEN_ERRORS.get(codeOf(error)) ?? `cannot be listened on (${codeOf(error)}): give another address`;
  return { file: join(base, SETTINGS_FILE), line: document.position([key])?.line, key, why };
}

const LISTEN_ERRORS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'the port is taken (EADDRINUSE): give another one, or stop the program that has it'],
  [
    'EACCES',
    'the port needs a right that this user does not have (EACCES): give one above 1023, or grant the right',
  ],
  ['EADDRNOTAVAIL', 'this machine does not have the address (EADDRNOTAVAIL): give one of its own'],
]);

function unknownKey(key: string): string {
  const meant = Object.keys(SETTINGS).find((each) => each.toLowerCase() === key.toLowerCase());
  return meant === undefined
    ? `no such setting; known are ${Object.keys(SETTINGS).join(', ')}`
    : `no such setting; ${meant} is written so`;
}

async function readFile(fs: SettingsFs, path: string): Promise<Buffer | undefined> {
  const file = await fs.open(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    // One octet more than is allowed, so that the parser sees it and says so.
    return await file.read(0, FILE_LIMITS.octetsMax + 1);
  } finally {
    await file.close();
  }
}

function bad(file: string, why: string): LoadedSettings {
  return { kind: 'bad', problems: [{ file, line: undefined, key: undefined, why }] };
}

function codeOf(error: unknown): string {
  return errorCode(error) ?? String(error);
}
