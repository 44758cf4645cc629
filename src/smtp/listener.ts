/**
 * SMTP and LMTP listeners (RFC 5321, RFC 2033) over smtp-server: the only file that knows that library's inner classes
 * (each seam has a test). What it adds: enhanced codes of our own choice, refusal of bare LF and bare CR, trace fields,
 * one reply for each LMTP recipient. What is accepted, and where it goes, is `MailIntake`'s affair.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import type { Logger } from '../lib/logging.ts';
import type { Address, Clock } from '../platform/platform.ts';
import { BareLineEnds } from './bare-line-ends.ts';
import { replyFor } from './replies.ts';
import { traceFields } from './trace.ts';
import { isReply, type MailIntake, type Recipient, type Reply } from './types.ts';

export interface ListenerOptions {
  readonly protocol: 'smtp' | 'lmtp';
  readonly listen: Address;
  /** Other workers of this member listen on the same port. */
  readonly shared: boolean;
  /** The name in the greeting and in Received fields. */
  readonly hostName: string;
  readonly messageOctetsMax: number;
  /** Of one LMTP transaction; a further RCPT is answered 452 4.5.3 (RFC 5321 section 4.5.3.1.10). */
  readonly recipientsMax: number;
  readonly connectionsMax: number;
  /** RFC 5321 section 4.5.3.2.7: at least five minutes. */
  readonly idleMs: number;
  readonly intake: MailIntake;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SmtpListener {
  readonly address: Address;
  readonly connections: number;
  /** Stops accepting, lets open transactions end until `graceMs`, then answers 421 and closes. */
  close(graceMs: number): Promise<void>;
}

const COMMAND_LINE_OCTETS_MAX = 4096; // RFC 5321 section 4.5.3.1.4 asks for 512 and more for extensions
/** SMTP has one answer for all recipients, and one commit cannot be in two accounts: the client sends another copy. */
const SMTP_RECIPIENTS_MAX = 1;
const BARE_LINE_END = '5.5.2 bare CR or LF, lines end with CRLF (RFC 5321 section 2.3.8)';
/** Their replies are kept back while commands behind them wait to be carried out, and leave as one (RFC 2920 section 3.2). */
const GROUPED_COMMANDS = /^(?:MAIL|RCPT|RSET)$/i;
/** Replies kept back; more of them leave at once. */
const REPLIES_HELD_OCTETS_MAX = 4096;
const SHUTTING_DOWN = '4.3.2 server shutting down, connect again';
const ENHANCED_CODE = /^[245]\.\d{1,3}\.\d{1,3} /;
/** smtp-server's own: jokes that answer like commands, and what needs later issues. */
const ABSENT_COMMANDS = ['AUTH', 'STARTTLS', 'WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD', 'HELP'];

export async function startSmtpListener(options: ListenerOptions): Promise<SmtpListener> {
  const server = new Listener(options);
  server.on('error', (error: Error) => options.logger.debug({ err: error }, 'smtp connection'));
  const { host, port: wanted } = options.listen;
  server.server.listen({ host, port: wanted, exclusive: true, reusePort: options.shared });
  await Promise.race([
    once(server.server, 'listening'),
    once(server.server, 'error').then(([error]) => Promise.reject(error)),
  ]);
  const { address, port } = server.server.address() as { address: string; port: number };
  return {
    address: { host: address, port },
    get connections() {
      return server.connections.size;
    },
    close: (graceMs) => {
      server.options.closeTimeout = graceMs;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Who is in a transaction may end it and is told with the next command; the others need not wait for that.
      for (const connection of server.connections)
        if (isIdle(connection)) connection.send(421, SHUTTING_DOWN);
      return closed;
    },
  };
}

class Listener extends SMTPServer {
  readonly #options: ListenerOptions;
  readonly #recipients = new WeakMap<object, Recipient>();

  constructor(options: ListenerOptions) {
    super({
      lmtp: options.protocol === 'lmtp',
      name: options.hostName,
      banner: 'Postern',
      size: options.messageOctetsMax,
      rejectOversized: true,
      maxClients: options.connectionsMax,
      maxRecipients: options.protocol === 'smtp' ? SMTP_RECIPIENTS_MAX : options.recipientsMax,
      maxCommandLength: COMMAND_LINE_OCTETS_MAX,
      socketTimeout: options.idleMs,
      disableReverseLookup: true,
      disabledCommands: ABSENT_COMMANDS,
      hideENHANCEDSTATUSCODES: false,
      hideDSN: true,
      logger: false,
      heloResponse: '%s',
    });
    this.#options = options;
  }

  override connect(socket: Socket, socketOptions: ConstructorParameters<typeof SMTPConnection>[2]): void {
    const connection = new Connection(this, socket, socketOptions);
    this.connections.add(connection);
    connection.on('error', (error: Error) => this.emit('error', error));
    connection.init();
  }

  override onRcptTo: SMTPServer['onRcptTo'] = (address, _session, callback) => {
    this.#options.intake.resolve(address.address).then(
      (found) => {
        if (isReply(found)) return callback(asError(found));
        this.#recipients.set(address, found);
        return callback();
      },
      (error: unknown) => callback(asError(replyFor(error))),
    );
  };

  override onData: SMTPServer['onData'] = (stream, session, callback) => {
    const { protocol, hostName, clock, messageOctetsMax } = this.#options;
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => {
      // Over the limit the rest is read and thrown away; the library answers 552 at its end.
      if (stream.byteLength <= messageOctetsMax) chunks.push(chunk);
      else chunks.length = 0;
    });
    stream.on('error', () => undefined); // the client left within DATA: nothing was accepted, nobody to answer
    stream.on('end', () => {
      if (stream.sizeExceeded) return callback();
      const envelope = session.envelope;
      const work = envelope.rcptTo.map((rcpt) => {
        const recipient = this.#recipients.get(rcpt);
        if (recipient === undefined) return Promise.resolve(replyFor(undefined));
        const trace = traceFields({
          reversePath: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
          forwardPath: recipient.forwardPath,
          helo: session.hostNameAppearsAs || 'unknown',
          remoteAddress: session.remoteAddress,
          by: hostName,
          with: withProtocol(session.transmissionType, envelope.smtpUtf8 === true),
          id: `${session.id}.${session.transaction}`,
          atMs: clock.wallMs(),
        });
        return this.#options.intake.deliver(recipient, [trace, ...chunks]);
      });
      Promise.all(work).then(
        (replies) => {
          if (protocol === 'lmtp')
            callback(null, replies.map((r) => (r ? asError(r) : 'delivered')) as never);
          else if (replies[0]) callback(asError(replies[0]));
          else callback(null, 'delivered');
        },
        (error: unknown) => callback(asError(replyFor(error))),
      );
    });
  };
}

class Connection extends SMTPConnection {
  /** What was received holds more than the command being carried out. */
  #isReading = false;
  /** The reply to the command being carried out may wait for those after it. */
  #isGrouped = false;
  #isHolding = false;

  /** Texts that carry an enhanced code of their own get no second one from the library's table. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    const holds = this.#isGrouped && this.#isReading && this._socket.writableLength < REPLIES_HELD_OCTETS_MAX;
    if (holds && !this.#isHolding) {
      this.#isHolding = true;
      this._socket.cork();
    }
    super.send(code, data, typeof data === 'string' && ENHANCED_CODE.test(data) ? false : context);
    if (!holds) this.#release();
  }

  #release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this._socket.uncork();
  }

  override _createParser(): SMTPStream {
    const parser = new StrictStream({ maxCommandLength: COMMAND_LINE_OCTETS_MAX });
    parser.reading = (isReading) => {
      this.#isReading = isReading;
      if (!isReading) this.#release();
    };
    parser.oncommand = (command: Buffer, callback?: () => void) => {
      this.#isGrouped = GROUPED_COMMANDS.test(command.toString('latin1', 0, 4));
      this._onCommand(command, callback);
    };
    parser.refuse = () => {
      this.send(this._dataStream ? 550 : 500, BARE_LINE_END);
      this.close();
    };
    parser.on('error', () => {
      this.send(500, '5.5.2 line too long');
      this.close();
    });
    return parser;
  }
}

/** Looks at every octet before the library's parser does; nothing from the bare line end on is interpreted. */
class StrictStream extends SMTPStream {
  refuse: () => void = () => undefined;
  /** Told when it begins with what was received, and when all of that was carried out. */
  reading: (isReading: boolean) => void = () => undefined;
  readonly #lineEnds = new BareLineEnds();
  #inside = false;

  override _write(chunk: Buffer, encoding: BufferEncoding, next: (error?: Error | null) => void): void {
    // Where DATA begins and ends the library hands the rest of a chunk to itself: that has been looked at.
    if (this.#inside) {
      super._write(chunk, encoding, next);
      return;
    }
    const bare = this.isClosed ? -1 : this.#lineEnds.feed(chunk);
    this.#inside = true;
    this.reading(true);
    super._write(bare < 0 ? chunk : chunk.subarray(0, bare), encoding, (error) => {
      this.#inside = false;
      this.reading(false);
      if (bare >= 0 && !this.isClosed) this.refuse();
      next(error);
    });
  }
}

function isIdle(connection: SMTPConnection): boolean {
  return !connection._dataStream && !connection.session.envelope?.mailFrom;
}

function asError(reply: Reply): Error & { responseCode: number } {
  return Object.assign(new Error(reply.text), { responseCode: reply.code });
}

/** RFC 3848 and RFC 6531 section 4.3. */
function withProtocol(transmissionType: string | undefined, smtpUtf8: boolean): string {
  const type = transmissionType ?? 'SMTP';
  if (!smtpUtf8) return type.replace('ELMTP', 'LMTP');
  return `UTF8${type.replace(/^E/, '')}`;
}
