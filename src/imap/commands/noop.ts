/** NOOP (RFC 3501 section 6.1.2) and CHECK (section 6.4.1): the changes told at their end are all they do. */
import { OK } from './outcome.ts';
import { ALWAYS, type CommandSpec, SELECTED } from './types.ts';

export const noop: CommandSpec<{ readonly name: 'NOOP' }> = {
  name: 'NOOP',
  phases: ALWAYS,
  repeat: 'safe',
  tells: 'all',
  parse: () => ({ name: 'NOOP' }),
  atDoor: (door, tag) => door.ok(tag),
  run: () => OK(),
};

/** Everything is durable already. */
export const check: CommandSpec<{ readonly name: 'CHECK' }> = {
  name: 'CHECK',
  phases: SELECTED,
  repeat: 'safe',
  tells: 'all',
  parse: () => ({ name: 'CHECK' }),
  run: () => OK(),
};
