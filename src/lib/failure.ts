/**
 * An operation that failed for a reason its caller must tell apart. The code decides what happens next; the message is
 * for the log and the operator. It crosses the bus unchanged. A peer's bad input is a value (see `Step`), our own bug
 * is an assertion; neither is a Failure.
 */
export type FailureCode =
  /** Temporary: no owner, lease lost, storage gone, a reservation in the way. Nothing has happened; try again. */
  | 'unavailable'
  /** The member asked does not own this slot. Nothing has happened; ask the owner of a newer map. */
  | 'moved'
  /** Asked for but not answered: it may have happened or not. Never acknowledged, never blindly repeated. */
  | 'unknown'
  /** Storage or quota full (ENOSPC, EDQUOT, EROFS). Nothing has happened. */
  | 'no-space'
  | 'not-found'
  | 'exists'
  /** Not allowed to this caller, or wrong credentials. */
  | 'refused'
  /** A limit of ours was reached: size, count, depth. */
  | 'limit'
  /** The request makes no sense: a bad name, a wrong value. */
  | 'invalid'
  /** Stored bytes are broken in a place that was durable; a person has to look. */
  | 'damaged';

export class Failure extends Error {
  readonly code: FailureCode;
  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
  }
}

/** The Failure code of anything thrown, or undefined when it is no Failure. */
export function failureCode(error: unknown): FailureCode | undefined {
  return error instanceof Failure ? error.code : undefined;
}

/**
 * The `code` of an error of a system call (`ENOENT`), or undefined of anything else: a Failure's code is its own, and
 * Node's `ERR_…` (assertions, wrong arguments) are bugs.
 */
export function errorCode(error: unknown): string | undefined {
  if (error instanceof Failure) return undefined;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' && !code.startsWith('ERR_') ? code : undefined;
}
