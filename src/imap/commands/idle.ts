/** IDLE (RFC 2177): changes are told as they settle, until the client says DONE. */
import type { Session } from '../session/session.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

/** It has no `run`: it is ended by the next thing that the frontend says, so the owner's conversation runs it (owner.ts). */
export const idle: CommandSpec<{ readonly name: 'IDLE' }> = {
  name: 'IDLE',
  phases: LOGGED_IN,
  capabilities: { afterLogin: ['IDLE'] },
  repeat: 'safe',
  atFrontend: 'runs-until-line',
  parse: () => ({ name: 'IDLE' }),
};

/**
 * Tells changes until `done` resolves. Rejects when `done` does (the frontend is gone) and when the account is gone, so
 * that the frontend goes on with the next owner. `again`: the client has been told to idle by an owner before.
 */
export async function runIdle(session: Session, done: Promise<void>, again: boolean): Promise<void> {
  const { account, output } = session;
  if (!again) output.line('+ idling');
  let changed = true;
  let ended: { readonly error?: unknown } | undefined;
  let wake: () => void = () => undefined;
  const end = (how: { readonly error?: unknown }): void => {
    ended ??= how;
    wake();
  };
  const onGone = (): void => end({ error: account.gone.reason });
  const unwatch = account.watch((touched) => {
    if (session.selected !== undefined && !touched.has(session.selected.mailboxId)) return;
    changed = true;
    wake();
  });
  account.gone.addEventListener('abort', onGone);
  if (account.gone.aborted) onGone();
  done.then(
    () => end({}),
    (error: unknown) => end({ error }),
  );
  try {
    while (ended === undefined) {
      if (changed) {
        changed = false;
        await session.tellChanges(true);
        await session.flush();
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
    if (ended.error !== undefined) throw ended.error;
  } finally {
    unwatch();
    account.gone.removeEventListener('abort', onGone);
  }
}
