/** Limits of what a slot log holds; each has a test. */

/** Aliases of one account. */
export const ALIASES_MAX = 1000;
/** Octets of a local part (RFC 5321 section 4.5.3.1.1). */
export const LOCAL_PART_OCTETS_MAX = 64;
/** Requests remembered in an object entry; a client repeats at most the last few. */
export const REQUESTS_REMEMBERED_MAX = 16;
/** Octets of a request id. */
export const REQUEST_OCTETS_MAX = 64;
/** Deleted objects remembered for one first name, to answer repeated requests; that it was used is kept for ever. */
export const TOMBSTONES_PER_NAME_MAX = 8;
/** Octets of all properties an account may start with. */
export const INITIAL_OCTETS_MAX = 1024 * 1024;
