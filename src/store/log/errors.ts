/** What an error of a file call means to whoever asked for the work. */
import { Failure } from '../../lib/failure.ts';

export function errorCode(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The storage said that it has no room for us: full, over quota, or made read-only. */
export function isNoSpace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS';
}

/** For work of which nothing has happened. */
export function storageFailure(error: unknown, what: string): Failure {
  if (error instanceof Failure) return error;
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  return new Failure(isNoSpace(error) ? 'no-space' : 'unavailable', message, { cause: error });
}
