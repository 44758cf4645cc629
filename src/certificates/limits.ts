/** Limits and times of certificates; each has a test. */

/** Certificates of one chain, the domain's own included. */
export const CHAIN_CERTIFICATES_MAX = 10;
/** Names of one certificate. */
export const CERTIFICATE_NAMES_MAX = 256;
/**
 * Shortest and longest RSA modulus in bits: below it is broken in sight; above, the handshakes of one turn of the event loop
 * (src/platform/real/tls-contexts.ts) hold it, and the leases with it, longer than they may.
 */
export const RSA_BITS_MIN = 2048;
export const RSA_BITS_MAX = 4096;

const DAY_MS = 86_400_000;

/** A certificate is named in the log from so many days before its end on. */
export const WARN_DAYS = [30, 14, 3] as const;
/** How long the cluster's self-signed one holds. Who has accepted it shall not be asked again soon. */
export const SELF_SIGNED_MS = 3650 * DAY_MS;
/** It is replaced so long before its end. */
export const SELF_SIGNED_RENEW_MS = 30 * DAY_MS;
/** A key that seals session tickets is used so long. */
export const TICKET_KEYS_MS = DAY_MS;
