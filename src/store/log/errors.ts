/** What an error of a file call means to whoever asked for the work. */
import { errorCode, Failure } from '../../lib/failure.ts';

/** The storage said that it has no room for us: full, over quota, or made read-only. */
export function isNoSpace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS';
}

/** Why a log is over, where that is a bug of ours: whoever comes later is told to try again, who was there gets the bug. */
export function logFailure(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure('unavailable', 'a log failed', { cause: error });
}

/**
 * For work of which nothing has happened: an error of a file call is a temporary failure. Anything else is given back as
 * it is: a Failure says itself what it is, and a bug of ours must not look like a storage that comes back.
 */
export function storageFailure(error: unknown, what: string): unknown {
  if (errorCode(error) === undefined) return error;
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  return new Failure(isNoSpace(error) ? 'no-space' : 'unavailable', message, { cause: error });
}
