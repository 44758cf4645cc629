/** What an entry of the command table is. */

import type { Value } from '../lib/dictionary/value.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import type { Arguments, Part } from './grammar.ts';
import type { Administration } from './types.ts';

export interface Command {
  readonly parts: readonly Part[];
  /**
   * Who may: anybody logged in; 'own' for an account on itself (its argument `account`) and for the right Master on any;
   * 'Master' only with that right. An account is itself by its object, whatever it is called by now.
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
  /** By what it is allowed. */
  readonly by: 'Master' | 'own' | 'anybody';
}
