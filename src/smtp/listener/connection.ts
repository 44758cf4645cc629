/**
 * One client's connection, on smtp-server's: sockets, idle time-out and closing are the library's, what commands mean is
 * `session/`'s, and here the outcomes of commands are performed. Overridden of the library: `init` (its greeting waits for
 * everybody), `_createParser`, `close`, `_onTimeout`, `_onClose`, and command handling as a whole.
 */
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { Failure } from '../../lib/failure.ts';
import { isLoopback } from '../../lib/ip.ts';
import type { Timer } from '../../platform/platform.ts';
import { EARLY_TALKER_WAIT_MS, SESSION_MS_MAX } from '../limits.ts';
import { BARE_LINE_END, TRY_LATER } from '../replies.ts';
import { isGrouped } from '../session/commands.ts';
import { Session } from '../session/session.ts';
import type { Outcome, Receiving } from '../session/types.ts';
import type { Reply } from '../types.ts';
import type { ClientSocket, ListenerOptions } from './options.ts';
import { Outbox } from './outbox.ts';
import type { Occupant } from './places.ts';
import type { Server } from './server.ts';
import { leaveInTheClear } from './starttls.ts';
import { SessionStream } from './stream.ts';

export const SHUTTING_DOWN: Reply = { code: 421, text: '4.3.2 server shutting down, connect again' };
const IDLE_TOO_LONG: Reply = { code: 421, text: '4.4.2 nothing heard for too long' };
const OTHERS_WAIT: Reply = { code: 421, text: '4.3.2 others wait for this connection, come back later' };
const SESSION_TOO_LONG: Reply = { code: 421, text: '4.4.2 the session has lasted too long, connect again' };
const MESSAGE_TOO_LONG: Reply = { code: 421, text: '4.4.2 the message takes too long to come' };
const LINE_TOO_LONG: Reply = { code: 500, text: '5.5.2 line too long' };
const AUTH_LINE_TOO_LONG: Reply = { code: 500, text: '5.5.6 line too long' };
const CLOSING: Reply = { code: 421, text: '4.7.0 what follows cannot be told from commands' };
const ID_OCTETS = 8;

/** Waits for the answer to a challenge. */
interface Asked {
  resolve(line: Buffer): void;
  reject(error: Error): void;
}

export class Connection extends SMTPConnection implements Occupant {
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #client: ClientSocket;
  readonly #session: Session;
  readonly #closed = Promise.withResolvers<void>();
  readonly #outbox = new Outbox((text) => this.#write(text));
  #receiving: Receiving | undefined;
  #asked: Asked | undefined;
  /** Lets the stream go on; there while a command or the end of a message is carried out. */
  #done: (() => void) | undefined;
  #timers: Timer[] = [];
  /** To be told to the client and closed as soon as nothing is carried out. */
  #ending: Reply | undefined;
  #isDraining = false;

  constructor(server: Server, client: ClientSocket, options: ListenerOptions) {
    const id = options.random.bytes(ID_OCTETS).toString('hex');
    super(server, client.socket, { id });
    this.#server = server;
    this.#options = options;
    this.#client = client;
    this.#session = new Session({
      options: server.session,
      id,
      local: client.local,
      remote: client.remote,
      tls: client.tls,
      dialogue: { ask: (reply) => this.#ask(reply) },
      earned: () => server.places.earned(this),
    });
  }

  get remoteHost(): string {
    return this.#client.remote.host;
  }

  get hold(): Occupant['hold'] {
    if (this.#done !== undefined && this.#asked === undefined) return 'answering';
    return this.#session.transaction === undefined ? 'idle' : 'in-transaction';
  }

  makeRoom(): void {
    this.refuse(OTHERS_WAIT);
  }

  /** Resolves when the socket is gone. */
  get whenClosed(): Promise<void> {
    return this.#closed.promise;
  }

  /** The listener closes: ends when no transaction is open, now or after it. */
  drain(): void {
    this.#isDraining = true;
    if (this.#session.transaction === undefined) this.endWith(SHUTTING_DOWN);
  }

  /** Greets, or says why not. Only the port of other servers looks first whether the client waits to be greeted. */
  override init(): void {
    const { clock, protocol, hostName, trusted } = this.#options;
    const host = this.remoteHost;
    this._setListeners(() => undefined);
    if (protocol === 'lmtp' && !trusted(host))
      return this.refuse({ code: 554, text: `${hostName} not for you` });
    const place = this.#server.places.take(this);
    if (place !== 'taken')
      return this.refuse({
        code: 421,
        text: `${hostName} too many connections${place === 'full' ? '' : ' from your address'}, try again later`,
      });
    this.#timers.push(clock.timer(SESSION_MS_MAX, () => this.endWith(SESSION_TOO_LONG)));
    if (protocol !== 'smtp' || isLoopback(host)) this.#greet();
    else this.#timers.push(clock.timer(EARLY_TALKER_WAIT_MS, () => this.#greet()));
  }

  /** Says it and closes, now. */
  refuse(...replies: readonly Reply[]): void {
    for (const reply of replies) this.#outbox.send(reply, true);
    this.#outbox.flush();
    this.close();
  }

  /** Says it and closes, after what is being carried out: its answer must not be lost. */
  endWith(reply: Reply): void {
    if (this.#done === undefined) this.refuse(reply);
    else this.#ending = reply;
  }

  override close(): void {
    this.#release();
    super.close();
  }

  /** Called once by the base class's constructor, when nothing of this one is there yet, and for STARTTLS. */
  override _createParser(): SessionStream {
    return new SessionStream({
      heard: () => this.#mayTalk(),
      command: (line, done) => this.#onLine(line, done),
      content: (octets) => this.#onContent(octets),
      contentEnd: (done) => this.#onContentEnd(done),
      refused: (why) => this.#onRefused(why),
      idle: () => this.#outbox.flush(),
      // Nothing more comes, and all that came is answered.
      ended: () => this.close(),
    });
  }

  /** The client waits for us, or we for the client; only the latter is idleness (RFC 5321 section 4.5.3.2.7). */
  override _onTimeout(): void {
    if (this._closing) this._socket.destroy();
    else if (this.#done !== undefined && this.#asked === undefined) this._armTimeout();
    else this.refuse(IDLE_TOO_LONG);
  }

  override _onClose(): void {
    this.#release();
    this.#asked?.reject(new Failure('unavailable', 'the client left'));
    this.#asked = undefined;
    super._onClose();
    this.#closed.resolve();
  }

  /** A message that is on its way to its owner is given back when that has answered. */
  #release(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    this.#server.places.leave(this);
    if (this.#done === undefined) this.#session.reset();
  }

  #greet(): void {
    if (this._closing || this._closed) return;
    const { hostName, protocol } = this.#options;
    this._ready = true;
    this.#outbox.send(
      { code: 220, text: `${hostName} ${protocol === 'lmtp' ? 'LMTP' : 'ESMTP'} Postern` },
      false,
    );
  }

  /**
   * False for a client that talks before it is greeted (RFC 5321 section 4.3.1): it does not listen. And for one whose
   * message takes too long: silence is the time-out's affair, so the only place to look is where octets come.
   */
  #mayTalk(): boolean {
    if (this._ready && this.#session.transaction?.content?.isLate === true) {
      this.refuse(MESSAGE_TOO_LONG);
      return false;
    }
    if (this._ready) return true;
    this.refuse({ code: 554, text: `${this.#options.hostName} you talk before you are greeted` });
    return false;
  }

  #onLine(line: Buffer, done: () => void): void {
    this.#done = done;
    const asked = this.#asked;
    if (asked !== undefined) {
      this.#asked = undefined;
      asked.resolve(Buffer.from(line)); // the stream goes on before it is looked at
      return;
    }
    const outcome = this.#carryOut(line);
    const mayWait = isGrouped(line);
    if (!(outcome instanceof Promise)) return this.#perform(outcome, mayWait);
    outcome.then(
      (later) => this.#perform(later, mayWait),
      (error: unknown) => this.#perform(this.#bug(error), mayWait),
    );
  }

  #carryOut(line: Buffer): Outcome | Promise<Outcome> {
    try {
      return this.#session.command(line);
    } catch (error) {
      return this.#bug(error);
    }
  }

  #perform(outcome: Outcome, mayWait: boolean): void {
    switch (outcome.kind) {
      case 'reply':
        this.#outbox.send(outcome.reply, mayWait);
        return this.#goOn();
      case 'close':
        this.refuse(...outcome.replies);
        return this.#goOn();
      case 'receive':
        if (outcome.reply !== undefined) this.#outbox.send(outcome.reply, false);
        this.#receiving = outcome;
        this.#stream.receive(outcome.framing);
        return this.#goOn();
      case 'secure':
        this.#secure(outcome.reply).catch((error: unknown) => this._onError(asError(error)));
        return;
    }
  }

  #onContent(octets: Buffer): boolean {
    const receiving = this.#receiving!;
    if (receiving.add(octets)) return true;
    this.#receiving = undefined;
    this.#done = () => undefined; // the answer is under way
    void this.#answer(receiving).then(() => this.refuse(CLOSING));
    return false;
  }

  #onContentEnd(done: () => void): void {
    const receiving = this.#receiving!;
    this.#receiving = undefined;
    this.#done = done;
    void this.#answer(receiving).then(() => this.#goOn());
  }

  /** Never rejects. */
  async #answer({ end }: Receiving): Promise<void> {
    try {
      for await (const reply of end()) this.#outbox.send(reply, false);
    } catch (error) {
      this.#options.logger.error({ err: error, session: this.id }, 'message not answered');
      // How many replies are owed to an LMTP client nobody knows any more; the end of the connection it understands.
      if (this.#options.protocol === 'lmtp') this.refuse(CLOSING);
      else this.#outbox.send(TRY_LATER, false);
    }
  }

  #onRefused(why: 'bare-line-end' | 'line-too-long'): void {
    if (why === 'bare-line-end') this.refuse(BARE_LINE_END, CLOSING);
    else this.refuse(this.#asked === undefined ? LINE_TOO_LONG : AUTH_LINE_TOO_LONG, CLOSING);
  }

  /** The next command, once the client reads its replies: who does not read is not listened to. */
  #goOn(): void {
    const done = this.#done;
    this.#done = undefined;
    if (this.#isDraining && this.#session.transaction === undefined) this.#ending ??= SHUTTING_DOWN;
    if (this.#ending !== undefined && !this._closing) this.refuse(this.#ending);
    if (done !== undefined) this._whenWritable(done);
  }

  #ask(reply: Reply): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this._closing || this._closed) {
        reject(new Failure('unavailable', 'the client left'));
        return;
      }
      this.#asked = { resolve, reject };
      this.#outbox.send(reply, false);
      const done = this.#done;
      this.#done = undefined;
      done?.();
    });
  }

  /** STARTTLS: nothing of what was said in the clear is left, on this side or on the session's. */
  async #secure(reply: Reply): Promise<void> {
    const plain = this._socket;
    leaveInTheClear(plain, this.#stream);
    const onPlainClose = (): void => this._onCloseEvent();
    plain.once('close', onPlainClose);
    this.#goOn();
    this.#outbox.send(reply, false);
    this._upgrading = true;
    const { socket, tls } = await this.#client.secure(this.#options.tls!);
    this._upgrading = false;
    if (this._closing || this._closed) {
      socket.destroy();
      return;
    }
    plain.off('close', onPlainClose);
    this._socket = socket;
    this._parser = this._createParser();
    this.#session.secured(tls);
    this._setListeners(() => undefined);
  }

  get #stream(): SessionStream {
    return this._parser as SessionStream;
  }

  #write(text: string): void {
    const socket = this._socket;
    // Within a handshake nothing may be said in the clear.
    if (!this._upgrading && !socket.destroyed && socket.writable) socket.write(text, 'latin1');
  }

  #bug(error: unknown): Outcome {
    this.#options.logger.error({ err: error, session: this.id }, 'command failed');
    return { kind: 'reply', reply: TRY_LATER };
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
