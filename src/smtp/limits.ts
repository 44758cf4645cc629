/** What one client may cost, whatever it sends. Each limit has its reply; the sizes that an operator sets are options. */

/** Of a command line with CRLF. RFC 5321 section 4.5.3.1.4 asks for 512, extensions for some hundred more each. */
export const COMMAND_OCTETS_MAX = 4096;
/** Of a line within AUTH, and of AUTH with an initial response (RFC 4954 section 4, 4.5). */
export const AUTH_LINE_OCTETS_MAX = 12_288;
/** Of a line of a message with CRLF: RFC 5321 section 4.5.3.1.6 asks for 1000 and for no limit where that can be. */
export const TEXT_LINE_OCTETS_MAX = 64 * 1024;
/** Of the header of a message. */
export const HEADER_OCTETS_MAX = 256 * 1024;
/**
 * Received fields. RFC 5321 section 6.3 would have 100 "normally"; the mail servers of the field stop at 25 to 50 (Postfix:
 * 50), so no message that is not looping gets here with more.
 */
export const RECEIVED_FIELDS_MAX = 50;
/** Of a path with `<` and `>` (RFC 5321 section 4.5.3.1.3). */
export const PATH_OCTETS_MAX = 256;
/** Of the name in EHLO (RFC 5321 section 4.5.3.1.2). */
export const DOMAIN_OCTETS_MAX = 255;
/** RFC 3461 section 4.4 and 4.2. */
export const ENVID_CHARACTERS_MAX = 100;
export const ORCPT_CHARACTERS_MAX = 500;

/** SMTP has one answer for all recipients, and one commit cannot be in two accounts: the client sends another copy. */
export const SMTP_RECIPIENTS_MAX = 1;
/** Mail transactions of one session; LIMITS tells clients (RFC 9422). */
export const TRANSACTIONS_MAX = 10_000;
/** A session ends after this, however busy it is. */
export const SESSION_MS_MAX = 4 * 60 * 60_000;
/** So long nobody has to make room for others, however little it has done. */
export const PATIENCE_MS = 60_000;
/** Commands that are none, then 421. */
export const UNKNOWN_COMMANDS_MAX = 10;
/** Commands refused since the last accepted message, then 421; not of trusted peers, who relay what others got wrong. */
export const REFUSALS_MAX = 100;
/** Failed log-ins of one session, then 421. */
export const AUTH_FAILURES_MAX = 3;
/** How long a log-in may wait for the owner of the account. */
export const AUTH_WAIT_MS = 8000;
/** Deliveries of one LMTP transaction at a time: each copies the message once on its way. */
export const DELIVERIES_AT_ONCE = 2;
/** How long deliveries of one LMTP transaction are begun, and how long without one that succeeded; the rest is put off. */
export const DELIVERIES_MS_MAX = 5 * 60_000;
export const DELIVERIES_VAIN_MS_MAX = 20_000;
/** How long the port of other servers waits for a client that talks before it is greeted. */
export const EARLY_TALKER_WAIT_MS = 300;
/** Replies kept back for a group of commands (RFC 2920 section 3.2); more of them leave at once. */
export const REPLIES_HELD_MAX = 4096;
/** Commands carried out before others' turn comes. */
export const COMMANDS_IN_A_TURN_MAX = 100;
