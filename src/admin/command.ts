/** What an entry of the command table is. */
import type { AuthenticatedAs } from '../directory/types.ts';
import type { Value } from '../lib/dictionary/value.ts';
import type { Arguments, Part } from './grammar.ts';
import type { Administration } from './types.ts';

export interface Command {
  readonly parts: readonly Part[];
  /**
   * Who may: anybody logged in; 'own' for an account on itself (its first argument) and for the right Master on any;
   * 'Master' only with that right.
   */
  readonly right: 'anybody' | 'own' | 'Master';
  readonly help: string;
  /** Gives the output, or undefined for a command that has none. Throws Refusal and Failure. */
  readonly run: (call: Call) => Promise<Value | undefined>;
}

/** One command being run. */
export interface Call {
  readonly admin: Administration;
  readonly who: AuthenticatedAs;
  readonly args: Arguments;
}
