/** What a command at the owner is: it writes its answer to the output and says what became of the session's state. */
import type { Output } from '../../relay/output.ts';
import type { TransactionId } from '../../store/ids.ts';
import type { PopSession } from '../session/session.ts';
import type { OwnerCommand, StateChange } from '../wire.ts';

export interface Running {
  readonly session: PopSession;
  /** What of the answer the client has is skipped by it where `counts` is 'octets'. */
  readonly output: Output;
  /** From an earlier owner: how much of the answer the client has; 0 at first. */
  readonly progress: number;
  readonly transaction: TransactionId | undefined;
  /** Tells the frontend that a long command goes on. */
  readonly working: () => Promise<void>;
}

/** The command of a name; several names may share one shape. */
export type CommandOf<Name extends OwnerCommand['name']> = OwnerCommand & { readonly name: Name };

export interface Rule<Name extends OwnerCommand['name']> {
  /**
   * What `progress` means: octets of an answer that every owner makes alike, or whatever the command itself goes on from.
   */
  readonly counts: 'octets' | 'own';
  run(running: Running, command: CommandOf<Name>): Promise<StateChange>;
}

export const NOTHING_CHANGED: StateChange = {};
