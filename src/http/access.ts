/**
 * Who may see what the listener shows: on this machine everybody, elsewhere an administrator, or an account that may
 * administer the whole cluster, by HTTP Basic inside TLS. The limits on log-ins are the authenticator's.
 */
import type { Administration } from '../admin/types.ts';
import { failureCode } from '../lib/failure.ts';
import { isLoopback, parseEndpoint } from '../lib/ip.ts';
import type { Logger } from '../lib/logging.ts';
import { passwordsAllowed } from '../login/exposure.ts';
import type { Authenticator } from '../login/types.ts';
import { readBasic } from './basic.ts';
import type { HttpSocket } from './types.ts';

export interface AccessOptions {
  readonly authenticator: Pick<Authenticator, 'verifyPassword'>;
  readonly administration: Pick<Administration, 'rightsOf'>;
  readonly logger: Logger;
}

export type Verdict =
  | 'allowed'
  /** A log-in is needed, or the one given was wrong. */
  | 'login'
  /** Logged in, without the right; or a place where no password may be given. */
  | 'forbidden'
  /** Too many failures. */
  | 'limit'
  | 'unavailable';

/** How long the owner of the name may take. */
const AUTHENTICATE_MS = 10_000;

export async function mayRead(
  from: Pick<HttpSocket, 'local' | 'remote' | 'tls'>,
  headers: { readonly authorization?: string | undefined; readonly host?: string | undefined },
  { authenticator, administration, logger }: AccessOptions,
): Promise<Verdict> {
  if (isLoopback(from.remote.host) && namesLoopback(headers.host)) return 'allowed';
  if (!passwordsAllowed(from)) return 'forbidden';
  const given = readBasic(headers.authorization);
  if (given === undefined) return 'login';
  const { login } = given;
  const remote = from.remote.host;
  try {
    const who = await authenticator.verifyPassword(login, given.password, {
      service: 'admin',
      remoteHost: remote,
      localHost: from.local.host,
      timeoutMs: AUTHENTICATE_MS,
    });
    const rights = await administration.rightsOf(who);
    if (rights.has('Master')) return 'allowed';
    logger.warn({ login, remote }, 'log-in without the right to see the status');
    return 'forbidden';
  } catch (error) {
    const code = failureCode(error);
    logger.warn({ login, remote, err: error }, 'log-in failed');
    return code === 'refused' ? 'login' : code === 'limit' ? 'limit' : 'unavailable';
  }
}

/**
 * A page of somebody else in a browser on this machine can make requests to loopback, and a name of its own that leads
 * here lets it read the answers (DNS rebinding); such a request names that name. Without a Host field it is no browser.
 */
function namesLoopback(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = parseEndpoint(host)?.host ?? host.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1');
  return name.toLowerCase() === 'localhost' || isLoopback(name);
}
