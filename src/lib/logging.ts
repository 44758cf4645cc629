/**
 * Logging: one line of JSON an event, an object and a message. pino stays behind this interface, so that tests need no
 * stream and nothing else depends on its ways. Secrets are redacted by name, whatever object carries them.
 */
import { type DestinationStream, destination, type Logger as Pino, pino } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** An Error goes under the key `err`, which prints message, stack and causes. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** Octets and states; for a developer's eyes. */
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  /** What an operator reads: a member came, a slot moved, a domain was made. */
  info(fields: LogFields, message: string): void;
  /** Served, but somebody should look. */
  warn(fields: LogFields, message: string): void;
  /** Something asked for was not done. */
  error(fields: LogFields, message: string): void;
  /** The process ends because of it. */
  fatal(fields: LogFields, message: string): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

/**
 * The logger a process makes once; whoever made it closes it, and awaits that before `process.exit`: pino's own exit
 * handler throws when the file is not open yet.
 */
export interface RootLogger extends Logger {
  setLevel(level: LogLevel): void;
  /** Writes what is buffered and closes the file; the last act of a process. Never rejects. */
  close(): Promise<void>;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** On every line: member, worker. */
  readonly fields?: LogFields;
  /** A file, created if need be, appended to; a descriptor; or a stream (tests). Standard error when left out. */
  readonly to?: string | number | DestinationStream;
}

/** Values under these keys, at the top or one level down, are never written. */
const SECRETS = [
  'password',
  'pass',
  'secret',
  'token',
  'credentials',
  'authorization',
  'privateKey',
] as const;

/** Lines name users and addresses: they are for whoever runs the server. */
const LOG_MODE = 0o600;
/** Octets collected before they are written; must stay below pino's own maximum of 16384. */
const BUFFER_OCTETS = 8192;
/** Octets that may wait to be written; beyond them lines are lost. */
const WAITING_OCTETS_MAX = 4 * 2 ** 20;
/** A buffered line waits no longer than this. */
const FLUSH_EVERY_MS = 1000;

export function createLogger(options: LoggerOptions): RootLogger {
  const stream = streamOf(options.to ?? 2, (lines) =>
    log.warn({ lines }, 'log lines were lost: see to the disk that the log is on'),
  );
  const log: Pino = pino(
    {
      level: options.level,
      base: { pid: process.pid, ...options.fields },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    stream.destination,
  );
  return {
    ...wrap(log),
    setLevel: (level) => {
      log.level = level;
    },
    close: stream.close,
  };
}

/** Discards everything. */
export const noLogger: Logger = Object.freeze({
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  child: () => noLogger,
});

function ignore(): void {}

function wrap(log: Pino): Logger {
  return {
    trace: (fields, message) => log.trace(fields, message),
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    fatal: (fields, message) => log.fatal(fields, message),
    child: (fields) => wrap(log.child(fields)),
  };
}

interface Stream {
  readonly destination: DestinationStream;
  readonly close: () => Promise<void>;
}

/** `tellLost` is called when lines can be written again after so many could not. */
function streamOf(to: string | number | DestinationStream, tellLost: (lines: number) => void): Stream {
  if (typeof to === 'object') return { destination: to, close: async () => {} };
  const sonic = destination({
    dest: to,
    sync: false,
    minLength: BUFFER_OCTETS,
    maxLength: WAITING_OCTETS_MAX,
    mkdir: true,
    mode: LOG_MODE,
  });
  // Its own timer would throw when the file could not be opened.
  const timer = setInterval(() => isOpen && sonic.flush(), FLUSH_EVERY_MS).unref();
  const closed = new Promise<void>((resolve) => sonic.once('close', resolve));
  let isOpen = typeof to === 'number';
  let failed = false;
  let lost = 0;
  let isClosed = false;
  sonic.on('ready', () => {
    isOpen = true;
  });
  // A log that cannot be written must not stop the server, nor fill its memory: lines are lost until there is room again.
  sonic.on('error', () => {
    failed = true;
    // Without a file there is nothing to end; what pino would do with it when the process exits throws.
    if (!isOpen) sonic.emit('close');
  });
  sonic.on('drop', () => {
    lost++;
  });
  sonic.on('write', () => {
    failed = false;
  });
  const write = (line: string): void => {
    // Timers may still have something to say when all is over; that must not end in an exception. Nor must a file that
    // could not be opened, which stays so: whoever starts the server sees no log.
    if (isClosed || (failed && !isOpen)) return;
    const before = lost;
    sonic.write(line);
    if (lost === 0 || lost > before) return;
    lost = 0;
    tellLost(before);
  };
  // After an error `end` would wait for a write that may never succeed.
  const close = (): Promise<void> => {
    isClosed = true;
    clearInterval(timer);
    if (failed) {
      sonic.destroy();
      return Promise.resolve();
    }
    const gaveUp = new Promise<void>((resolve) =>
      sonic.once('error', () => {
        sonic.destroy();
        resolve();
      }),
    );
    sonic.end();
    return Promise.race([closed, gaveUp]);
  };
  return { destination: { write }, close };
}
