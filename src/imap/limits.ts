/** How much a client may send in one command, before log-in and after it. */
import type { FramingLimits } from './codec/framing.ts';
import { COMMANDS, type Command } from './commands/table.ts';
import type { CommandSpec } from './commands/types.ts';

const MESSAGE_VERBS: ReadonlySet<string> = new Set(
  COMMANDS.filter((spec: CommandSpec<Command>) => spec.bringsMessage).map(({ name }) => name),
);

/** Before LOGIN nobody needs more than names, passwords and tokens. */
export const UNAUTHENTICATED_LIMITS: FramingLimits = {
  lineOctetsMax: 16 * 1024,
  literalOctetsMax: 1024,
  appendOctetsMax: 0,
  messageVerbs: MESSAGE_VERBS,
  literalsMax: 8,
  discardOctetsMax: 64 * 1024,
};

export const AUTHENTICATED_LIMITS: FramingLimits = {
  lineOctetsMax: 64 * 1024,
  literalOctetsMax: 64 * 1024,
  appendOctetsMax: 64 * 1024 * 1024,
  messageVerbs: MESSAGE_VERBS,
  literalsMax: 64,
  discardOctetsMax: 128 * 1024 * 1024,
};
