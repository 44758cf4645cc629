/**
 * Channel bindings: what proves to both ends of a log-in that they are the ends of the same TLS connection (RFC 5056).
 * `tls-exporter` (RFC 9266), and `tls-server-end-point` (RFC 5929 section 4) for clients that take it. Not `tls-unique`: it
 * is broken without an extension that says so (RFC 7627), and TLS 1.3 has none.
 *
 * So nothing is bound where TLS is older than 1.3: clients expect `tls-unique` there, which who offers a binding has to
 * have (RFC 5802 section 6.1), and those that take -PLUS because it is offered could not log in at all.
 */
import type { TlsInfo } from '../platform/platform.ts';

const TYPES: ReadonlyMap<string, (tls: TlsInfo) => Buffer | undefined> = new Map([
  ['tls-exporter', (tls: TlsInfo) => tls.exporter],
  ['tls-server-end-point', (tls: TlsInfo) => tls.serverEndPoint],
]);

/** The data of a type of binding on this connection; undefined when the connection or we have none of this type. */
export function bindingData(tls: TlsInfo | undefined, type: string): Buffer | undefined {
  return tls && TYPES.get(type)?.(tls);
}

/** Whether a client can bind its log-in to this connection by the type that it will take: then -PLUS is offered. */
export function hasBinding(tls: TlsInfo | undefined): boolean {
  return bindingData(tls, 'tls-exporter') !== undefined;
}
