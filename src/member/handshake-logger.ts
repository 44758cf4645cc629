/**
 * Failed TLS handshakes in the operator's log: each remote address at most once in a while, whatever it sends. For a
 * client's door they are everyday (`debug`); on the bus, where only members are expected, `warn`. The door does not know
 * which of the two it is, so what tells them apart is that the bus asks for a certificate, and the others do not.
 */
import { isHandshakeError } from '../cluster/bus/bus.ts';
import { Seldom } from '../cluster/bus/seldom.ts';
import type { LogFields, Logger } from '../lib/logging.ts';
import type { Clock } from '../platform/platform.ts';

/** What OpenSSL says where a client's certificate was asked for and is missing or not believed. */
const OF_MEMBERS =
  /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE|ERR_SSL_CERTIFICATE_VERIFY_FAILED)/;

export function handshakeLogger(logger: Logger, clock: Clock): Logger {
  const seldom = new Seldom(clock);
  return {
    ...logger,
    debug: (fields, message) => {
      const { err, remote } = fields as {
        readonly err?: { readonly code?: unknown };
        readonly remote?: unknown;
      };
      const code = err?.code;
      if (!isHandshakeError(code)) return logger.debug(fields, message);
      const about: LogFields = { ...fields, code };
      if (OF_MEMBERS.test(String(code)) && seldom.may(String(remote)))
        logger.warn(about, 'TLS handshake failed: no certificate of a member');
      else logger.debug(about, 'TLS handshake failed');
    },
    child: (fields) => handshakeLogger(logger.child(fields), clock),
  };
}
