/** Errors of our own in the form Node gives those of system calls. */
import type { Address } from '../platform.ts';

/** Callers branch on `code`. */
export function systemError(code: string, why: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${why}`);
  error.code = code;
  return error;
}

export function netError(code: string, call: string, address: Address): NodeJS.ErrnoException {
  const error = systemError(code, `${call} ${address.host}:${address.port}`);
  error.syscall = call;
  return error;
}
