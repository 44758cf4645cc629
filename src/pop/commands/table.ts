/** The commands that an owner answers, by name. */
import type { OwnerCommand } from '../wire.ts';
import type { Rule } from './command.ts';
import { dele } from './dele.ts';
import { list } from './list.ts';
import { open } from './open.ts';
import { quit } from './quit.ts';
import { retr, top } from './retr.ts';
import { rset } from './rset.ts';
import { stat } from './stat.ts';
import { uidl } from './uidl.ts';

const RULES: { readonly [Name in OwnerCommand['name']]: Rule<Name> } = {
  open,
  STAT: stat,
  LIST: list,
  UIDL: uidl,
  RETR: retr,
  TOP: top,
  DELE: dele,
  RSET: rset,
  QUIT: quit,
};

/** Undefined for what no frontend sends. */
export function ruleOf(name: unknown): Rule<OwnerCommand['name']> | undefined {
  if (typeof name !== 'string' || !Object.hasOwn(RULES, name)) return undefined;
  return RULES[name as OwnerCommand['name']];
}
