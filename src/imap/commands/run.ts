/** Runs a command at the owner, from its phase to its tagged response. */
import { failureCode } from '../../lib/failure.ts';
import type { Session } from '../session/session.ts';
import { BAD, type Outcome, outcomeOf } from './outcome.ts';
import { type Command, specOf } from './table.ts';
import type { CommandSpec, Tells } from './types.ts';

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
  const spec = specOf(command.name);
  session.tag = tag;
  session.progress = resumeFrom > 0 ? resumeFrom : undefined;
  const outcome = await outcomeFor(session, command, spec);
  session.progress = undefined;
  await tell(session, command, spec?.tells ?? 'nothing');
  const code = outcome.code === undefined ? '' : ` ${outcome.code}`;
  session.output.line(`${tag} ${outcome.status}${code} ${outcome.text}`);
}

async function tell(session: Session, command: Command, tells: Tells): Promise<void> {
  if (tells !== 'nothing') await session.tellChanges(tells === 'all' || ('uid' in command && command.uid));
}

async function outcomeFor(
  session: Session,
  command: Command,
  spec: CommandSpec<Command> | undefined,
): Promise<Outcome> {
  if (spec?.run === undefined) return BAD('already logged in');
  const phase = session.selected === undefined ? 'authenticated' : 'selected';
  if (!spec.phases.includes(phase)) return BAD('select a mailbox first');
  try {
    return await spec.run(session, command);
  } catch (error) {
    // Not the command's fault, or it can no longer be said: the frontend asks the next owner, or this one again, as long as its client may wait.
    const code = failureCode(error);
    const isCut = session.output.isCut && !session.output.takeBack();
    if (isCut || session.ended.aborted || code === 'unavailable' || code === 'unknown') throw error;
    const outcome = outcomeOf(error);
    if (outcome === undefined) throw error;
    return outcome;
  }
}
