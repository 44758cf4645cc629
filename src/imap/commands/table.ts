/** Every command of the authenticated and selected states: what runs it, when it may run, what is told at its end. */
import { failureCode } from '../../lib/failure.ts';
import type { Command, CommandName } from '../codec/types.ts';
import type { Session } from '../session/session.ts';
import { append } from './append.ts';
import { close, unselect } from './close.ts';
import { copy } from './copy.ts';
import { expunge } from './expunge.ts';
import { fetch } from './fetch.ts';
import { list, lsub } from './list.ts';
import { create, remove, rename, subscribe } from './mailboxes.ts';
import { BAD, type Outcome, outcomeOf, type Rule } from './outcome.ts';
import { search } from './search.ts';
import { select } from './select.ts';
import { capability, check, enable, id, namespace, noop } from './simple.ts';
import { status } from './status.ts';
import { store } from './store.ts';

/** LOGOUT and IDLE are not here: the frontend ends a connection, and IDLE runs until it is ended (owner.ts). */
const COMMANDS = {
  APPEND: append,
  CAPABILITY: capability,
  CHECK: check,
  CLOSE: close,
  COPY: copy,
  CREATE: create,
  DELETE: remove,
  ENABLE: enable,
  EXAMINE: select,
  EXPUNGE: expunge,
  FETCH: fetch,
  ID: id,
  LIST: list,
  LSUB: lsub,
  MOVE: copy,
  NAMESPACE: namespace,
  NOOP: noop,
  RENAME: rename,
  SEARCH: search,
  SELECT: select,
  STATUS: status,
  STORE: store,
  SUBSCRIBE: subscribe,
  UNSELECT: unselect,
  UNSUBSCRIBE: subscribe,
} as const;

/**
 * Runs a command to its tagged response, which is in the output but not yet flushed. `resumeFrom` is the progress that an
 * earlier owner made with it. Throws when the account is gone.
 */
export async function runCommand(
  session: Session,
  tag: string,
  command: Command,
  resumeFrom: number,
): Promise<void> {
  const rule = ruleOf(command.name);
  session.tag = tag;
  session.progress = resumeFrom > 0 ? resumeFrom : undefined;
  const outcome = await outcomeFor(session, command, rule);
  session.progress = undefined;
  if (rule !== undefined && rule.tells !== 'nothing')
    session.tellChanges(rule.tells === 'all' || ('uid' in command && command.uid));
  const code = outcome.code === undefined ? '' : ` ${outcome.code}`;
  session.output.line(`${tag} ${outcome.status}${code} ${outcome.text}`);
}

function ruleOf(name: CommandName): Rule<never> | undefined {
  return name in COMMANDS ? (COMMANDS as Partial<Record<CommandName, Rule<never>>>)[name] : undefined;
}

async function outcomeFor(
  session: Session,
  command: Command,
  rule: Rule<never> | undefined,
): Promise<Outcome> {
  if (rule === undefined) return BAD('already logged in');
  if (rule.selected && session.selected === undefined) return BAD('select a mailbox first');
  try {
    return await rule.run(session, command as never);
  } catch (error) {
    // Not the command's fault: the frontend asks the next owner, or this one again, as long as its client may wait.
    const code = failureCode(error);
    if (session.account.gone.aborted || code === 'unavailable' || code === 'unknown') throw error;
    const outcome = outcomeOf(error);
    if (outcome === undefined) throw error;
    return outcome;
  }
}
