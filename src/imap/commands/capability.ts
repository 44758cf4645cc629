/** CAPABILITY (RFC 3501 section 6.1.1). */
import { OK } from './outcome.ts';
import { ALWAYS, type CommandSpec } from './types.ts';

export const capability: CommandSpec<{ readonly name: 'CAPABILITY' }> = {
  name: 'CAPABILITY',
  phases: ALWAYS,
  repeat: 'safe',
  tells: 'all',
  parse: () => ({ name: 'CAPABILITY' }),

  async atDoor(door, tag) {
    await door.line(`* CAPABILITY ${door.capabilities.join(' ')}`);
    return door.ok(tag);
  },

  run(session) {
    session.output.line(`* CAPABILITY ${session.capabilities.join(' ')}`);
    return OK();
  },
};
