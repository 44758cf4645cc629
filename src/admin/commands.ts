/**
 * The table of administration commands, and the one place where a command line becomes an outcome: name, arguments,
 * right, run, errors. Every face (the text CLI, later the JSON API and the console) goes through `execute`.
 */

import type { Value } from '../lib/dictionary/value.ts';
import { type FailureCode, failureCode } from '../lib/failure.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import { objectKey } from '../store/ids.ts';
import { ACCOUNT_COMMANDS, checkNewPassword, RESOLVE_TIMEOUT_MS } from './accounts.ts';
import { CLUSTER_COMMANDS } from './cluster.ts';
import type { Call, Command } from './command.ts';
import { DOMAIN_SETTINGS_COMMANDS } from './domain-settings.ts';
import { DOMAIN_COMMANDS } from './domains.ts';
import { type Arguments, optionalWord, readArguments, usage } from './grammar.ts';
import { readAccount } from './names.ts';
import { PLACEMENT_COMMANDS } from './placement.ts';
import { type Administration, type Reason, Refusal } from './types.ts';

const OTHER_COMMANDS = {
  GETCURRENTCONTROLLER: {
    parts: [],
    right: 'Master',
    help: 'IP address of the controller in the cluster network',
    run: async ({ admin }) => {
      const address = admin.controller();
      if (address !== undefined) return address.host;
      throw admin.clustered
        ? new Refusal('temporary', 'no controller is heard at the moment')
        : new Refusal('invalid', 'this member stands alone: there is no controller');
    },
  },
  NOOP: { parts: [], right: 'anybody', help: 'do nothing', run: async () => undefined },
  HELP: {
    parts: [optionalWord('command'), optionalWord('word')],
    right: 'anybody',
    help: 'usage of all commands or of one',
    run: async ({ args }) => help([args.optionalText('command'), args.optionalText('word')]),
  },
} as const satisfies Record<string, Command>;

/** By name, in upper case; that of some has two words. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    ...DOMAIN_COMMANDS,
    ...DOMAIN_SETTINGS_COMMANDS,
    ...ACCOUNT_COMMANDS,
    ...CLUSTER_COMMANDS,
    ...PLACEMENT_COMMANDS,
    ...OTHER_COMMANDS,
  } satisfies Record<string, Command>),
);

export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'data'; readonly value: Value }
  | {
      readonly kind: 'refused';
      readonly reason: Reason;
      readonly message: string;
      /** What to log, when there is more to say than the message. */
      readonly cause: unknown;
    };

/** Runs one command line for somebody who is logged in. Never rejects. */
export function execute(admin: Administration, who: AuthenticatedAs, line: string): Promise<Outcome> {
  return settle(() => run(admin, who, line));
}

/** Sets the password of whoever is logged in. Never rejects. */
export function setOwnPassword(
  admin: Administration,
  who: AuthenticatedAs,
  password: string,
): Promise<Outcome> {
  return settle(async () => {
    await admin.setOwnPassword(who, checkNewPassword(password));
    return undefined;
  });
}

async function settle(act: () => Promise<Value | undefined>): Promise<Outcome> {
  try {
    const value = await act();
    return value === undefined ? { kind: 'done' } : { kind: 'data', value };
  } catch (error) {
    return refused(error);
  }
}

/** A command line's name as the table has it; undefined when there is no such command. For logs. */
export function commandName(line: string): string | undefined {
  const name = split(line)[0];
  return COMMANDS.has(name) ? name : undefined;
}

async function run(admin: Administration, who: AuthenticatedAs, line: string): Promise<Value | undefined> {
  const [name, rest] = split(line);
  const command = COMMANDS.get(name);
  if (command === undefined) throw new Refusal('unknown-command', 'unknown command');
  const args = readArguments(name, command.parts, rest);
  const by = await allowed(admin, who, command, args);
  return command.run({ admin, who, args, by });
}

function split(line: string): readonly [name: string, rest: string] {
  const [first, rest] = firstWord(line);
  const [second, behind] = firstWord(rest);
  const both = `${first} ${second}`;
  return COMMANDS.has(both) ? [both, behind] : [first, rest];
}

function firstWord(text: string): readonly [word: string, rest: string] {
  const found = /^[ \t]*([^ \t]*)([^]*)$/.exec(text);
  return [(found?.[1] ?? '').toUpperCase(), found?.[2] ?? ''];
}

async function allowed(
  admin: Administration,
  who: AuthenticatedAs,
  command: Command,
  args: Arguments,
): Promise<Call['by']> {
  if (command.right === 'anybody') return 'anybody';
  if ((await admin.rightsOf(who)).has('Master')) return 'Master';
  if (command.right === 'own' && (await isOwn(admin, who, args))) return 'own';
  throw new Refusal('no-right', 'this needs the right Master');
}

/** By the object: since the log-in the name may have gone to another account. */
async function isOwn(
  admin: Administration,
  { object, ...who }: AuthenticatedAs,
  args: Arguments,
): Promise<boolean> {
  if (object === undefined) return false;
  const asked = readAccount(admin, { ...who, object }, args.text('account'));
  const resolved = await admin.directory.resolve(asked.domainId, asked.name, RESOLVE_TIMEOUT_MS);
  return resolved.kind === 'account' && objectKey(resolved.object) === objectKey(object);
}

function help(words: readonly (string | undefined)[]): Value {
  const name = words.filter((each) => each !== undefined).join(' ');
  if (name === '') return [...COMMANDS].map(([each, command]) => usage(each, command.parts)).sort();
  const command = COMMANDS.get(name.toUpperCase());
  if (command === undefined) throw new Refusal('invalid', 'there is no such command');
  return `${usage(name.toUpperCase(), command.parts)}: ${command.help}`;
}

const REASONS: Readonly<Record<FailureCode, Reason>> = {
  unavailable: 'temporary',
  moved: 'temporary',
  'no-space': 'temporary',
  limit: 'failed',
  unknown: 'unknown-outcome',
  'not-found': 'unknown-account',
  exists: 'failed',
  refused: 'failed',
  invalid: 'invalid',
  damaged: 'failed',
};

function refused(error: unknown): Outcome {
  if (error instanceof Refusal)
    return { kind: 'refused', reason: error.reason, message: error.message, cause: error.cause };
  const code = failureCode(error);
  // Not a failure that anybody foresaw: its text is for the log, and what it left behind is not known.
  if (code === undefined)
    return { kind: 'refused', reason: 'unknown-outcome', message: 'internal error', cause: error };
  const message = error instanceof Error ? error.message : code;
  return { kind: 'refused', reason: REASONS[code], message, cause: error };
}
