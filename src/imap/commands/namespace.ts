/** NAMESPACE (RFC 2342): one personal namespace, separator `/`. */
import { OK } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export const namespace: CommandSpec<{ readonly name: 'NAMESPACE' }> = {
  name: 'NAMESPACE',
  phases: LOGGED_IN,
  capabilities: { afterLogin: ['NAMESPACE'] },
  repeat: 'safe',
  tells: 'all',
  parse: () => ({ name: 'NAMESPACE' }),

  run(session) {
    session.output.line('* NAMESPACE (("" "/")) NIL NIL');
    return OK();
  },
};
