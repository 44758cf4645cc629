/** What a message may cost, whatever is in it. Beyond a limit a message stays readable; only its structure gets coarser. */

/** Multiparts and messages within each other; what is deeper is one leaf (application/octet-stream). */
export const DEPTH_MAX = 100;
/** Parts of one message; delimiters after that are text of the last part. */
export const PARTS_MAX = 2_000;
/** Octets of one header that are looked at; fields after that are served by FETCH, but not interpreted. */
export const HEADER_OCTETS_MAX = 128 * 1024;
/** Octets of all headers of one message that are interpreted. */
export const HEADERS_OCTETS_MAX = 4 * 1024 * 1024;
/** Octets of a body line that are looked at for a delimiter (RFC 5322 section 2.1.1: 998; RFC 2046: boundaries of 70). */
export const DELIMITER_OCTETS_MAX = 1000;
/** Parameters of one Content-Type or Content-Disposition. */
export const PARAMETERS_MAX = 200;
/** Addresses of one header field, all its occurrences together. */
export const ADDRESSES_MAX = 4_000;
/** Octets of one header value in which encoded words are decoded; longer values are taken as they are. */
export const ENCODED_WORDS_OCTETS_MAX = 64 * 1024;
