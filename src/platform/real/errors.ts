/** Errors of the network in the form Node gives them. */
import type { Address } from '../platform.ts';

/** Callers branch on `code`. */
export function netError(code: string, call: string, address: Address): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${call} ${address.host}:${address.port}`);
  error.code = code;
  error.syscall = call;
  return error;
}
