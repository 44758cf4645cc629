/** LOGOUT (RFC 3501 section 6.1.3). The connection is the frontend's, so its end is too. */
import { ALWAYS, type CommandSpec } from './types.ts';

export const logout: CommandSpec<{ readonly name: 'LOGOUT' }> = {
  name: 'LOGOUT',
  phases: ALWAYS,
  repeat: 'safe',
  atFrontend: 'ends-connection',
  parse: () => ({ name: 'LOGOUT' }),

  async atDoor(door, tag) {
    await sayBye(door, tag);
    return 'over';
  },
};

/** BYE, then the tagged OK. */
export async function sayBye(to: { line(text: string): Promise<void> }, tag: string): Promise<void> {
  await to.line('* BYE see you');
  await to.line(`${tag} OK logged out`);
}
