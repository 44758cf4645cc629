/** ENABLE (RFC 5161). */
import { FEATURES } from '../features.ts';
import { OK } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface EnableCommand {
  readonly name: 'ENABLE';
  /** Upper case. */
  readonly capabilities: readonly string[];
}

export const enable: CommandSpec<EnableCommand> = {
  name: 'ENABLE',
  phases: LOGGED_IN,
  capabilities: { always: ['ENABLE'] },
  repeat: 'safe',
  tells: 'all',

  /** enable = "ENABLE" 1*(SP capability) */
  parse(reader) {
    const capabilities: string[] = [];
    reader.space();
    do capabilities.push(reader.keyword('expected a capability'));
    while (reader.acceptSpaceBeforeMore());
    return { name: 'ENABLE', capabilities };
  },

  /** Section 3.1: what is not known, or cannot be enabled, is passed over; ENABLED names what is new. */
  run(session, { capabilities }) {
    const now: string[] = [];
    for (const name of capabilities) {
      const feature = FEATURES.find((one) => one.name === name);
      if (feature?.enable === undefined || session.enabled.has(name)) continue;
      feature.enable(session);
      now.push(name);
    }
    session.output.line(['* ENABLED', ...now].join(' '));
    return OK();
  },
};
