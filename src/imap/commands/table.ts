/** Every command, one line each; what a command is stands in its own file (types.ts says what there is to say). */
import { append } from './append.ts';
import { authenticate } from './authenticate.ts';
import { capability } from './capability.ts';
import { close, unselect } from './close.ts';
import { copy, move } from './copy.ts';
import { create } from './create.ts';
import { remove } from './delete.ts';
import { enable } from './enable.ts';
import { expunge } from './expunge.ts';
import { fetch } from './fetch.ts';
import { id } from './id.ts';
import { idle } from './idle.ts';
import { list } from './list.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { lsub } from './lsub.ts';
import { namespace } from './namespace.ts';
import { check, noop } from './noop.ts';
import { rename } from './rename.ts';
import { search } from './search.ts';
import { examine, select } from './select.ts';
import { starttls } from './starttls.ts';
import { status } from './status.ts';
import { store } from './store.ts';
import { subscribe, unsubscribe } from './subscribe.ts';
import type { CommandSpec } from './types.ts';

/** In the order in which RFC 3501 section 6 has them, which is that of the capability line too. */
export const COMMANDS = [
  capability,
  noop,
  logout,
  id,
  starttls,
  login,
  authenticate,
  enable,
  select,
  examine,
  create,
  remove,
  rename,
  subscribe,
  unsubscribe,
  list,
  lsub,
  namespace,
  status,
  append,
  idle,
  check,
  close,
  unselect,
  expunge,
  search,
  fetch,
  store,
  copy,
  move,
] as const;

type ValueOf<S> = S extends CommandSpec<infer C> ? C : never;
/** A parsed command without its tag. `switch (command.name)`. */
export type Command = ValueOf<(typeof COMMANDS)[number]>;
export type CommandName = Command['name'];

export const COMMAND_NAMES: readonly CommandName[] = COMMANDS.map(({ name }) => name);

const BY_NAME: ReadonlyMap<string, CommandSpec<Command>> = new Map(
  COMMANDS.map((spec: CommandSpec<Command>) => [spec.name, spec]),
);

/** By its name in upper case. */
export function specOf(name: string): CommandSpec<Command> | undefined {
  return BY_NAME.get(name);
}
