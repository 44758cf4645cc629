/** Every bound of the log engine, in one place (docs/storage.md, limits). */

/** Octets of one record's payload. */
export const PAYLOAD_OCTETS_MAX = 128 * 1024 * 1024;
/** Octets given to one write; a single larger commit is written alone. */
export const BATCH_OCTETS_MAX = 4 * 1024 * 1024;
/** Octets appended and not yet durable above which `writable()` waits. */
export const QUEUE_OCTETS_MAX = 32 * 1024 * 1024;
/** A file that has grown above this is followed by the next number. */
export const FILE_OCTETS_MAX = 64 * 1024 * 1024;
/** Octets of one copy of a first record, so that both lie in the first 64 KiB. */
export const FIRST_RECORD_OCTETS_MAX = 32 * 1024;
/** How far into a file its first records are looked for. */
export const HEAD_OCTETS = 2 * FIRST_RECORD_OCTETS_MAX;
/** A file is read in pieces of this size, with the event loop running in between. */
export const PIECE_OCTETS = 1024 * 1024;
/** Records of a head are kept between the two passes over it when they are no more octets than this. */
export const RETAIN_OCTETS_MAX = 1024 * 1024;
/** A payload no larger than this is copied behind its header: cheaper than one more vector of the write. */
export const INLINE_OCTETS_MAX = 512;
/** Read handles a log keeps open. */
export const READ_HANDLES_MAX = 8;
/** First records read at the same time when a directory is surveyed. */
export const SURVEY_PARALLEL_MAX = 8;
/** How often a lost creation is tried with the next number. */
export const CREATE_TRIES_MAX = 32;
/** A record no larger than this has its checksum looked at when its whole payload is read back. */
export const VERIFY_OCTETS_MAX = 1024 * 1024;
/** Without space, one new file in this time (docs/architecture.md, section 3, rule 3). */
export const NO_SPACE_RETRY_MS = 1000;
/** Idle time after which a close record is written and read handles are closed. */
export const IDLE_CLOSE_MS = 10_000;
/** A snapshot above this is neither written nor read: the object is replayed. */
export const SNAPSHOT_OCTETS_MAX = 128 * 1024 * 1024;
/** Snapshots tried, the newest first, before everything is replayed. */
export const SNAPSHOT_TRIES_MAX = 3;
/** How long an owner has held an object before it removes files that no longer count (docs/storage.md, purge). */
export const PURGE_AFTER_MS = 24 * 3_600_000;
