/**
 * What time does to a connection, on a clock that the test moves: silence before log-in, after it and in IDLE (RFC 3501
 * section 5.4, RFC 2177), owners that work long or say nothing, a client that does not read, the end of the server.
 */
import t from 'tap';
import type { Dial } from '../../../src/cluster/dial.ts';
import { TransactionNumbers } from '../../../src/directory/transactions.ts';
import { ImapConnection } from '../../../src/imap/frontend/connection.ts';
import { NEW_SESSION, type ToFrontend, type ToOwner } from '../../../src/imap/wire.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import type { Connection } from '../../../src/platform/platform.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { ID } from '../../store/account/support.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { connectedPair } from '../../support/memory-net.ts';
import { Prng } from '../../support/prng.ts';
import { MemoryStream } from '../memory-stream.ts';

const MINUTE_MS = 60_000;
const STALL_MS = 10_000;

/** A client in memory, and an owner that the test plays. */
class Desk {
  readonly clock = new ManualClock();
  readonly imap: ImapConnection;
  readonly client: Connection;
  /** The owner's ends of the streams that were opened. */
  readonly streams: MemoryStream[] = [];
  text = '';
  isClosed = false;

  constructor() {
    const [near, far] = connectedPair();
    this.client = near;
    const dial: Dial = {
      open: async () => {
        const [ours, owners] = MemoryStream.pair();
        this.streams.push(owners);
        return ours;
      },
      changed: () => this.clock.sleep(100),
    };
    this.imap = new ImapConnection({
      connection: far,
      authenticator: {
        verifyPassword: async (login) => ({ kind: 'account', login, object: ID }),
        beginScram: () => Promise.reject(new Error('not asked for')),
      },
      dial,
      transactions: new TransactionNumbers('f'.repeat(32) as Incarnation),
      clock: this.clock,
      random: new Prng(1),
      logger: noLogger,
      appendOctetsMax: 1000,
      tls: undefined,
      service: 'imap',
      stallMs: STALL_MS,
    });
    near.start({
      data: (bytes) => void (this.text += bytes.toString('latin1')),
      closed: () => void (this.isClosed = true),
    });
    void this.imap.serve();
  }

  /** What came since the last look. */
  async heard(afterMs = 0): Promise<string> {
    await this.clock.advance(afterMs);
    const { text } = this;
    this.text = '';
    return text;
  }

  async say(text: string): Promise<string> {
    this.client.write(Buffer.from(`${text}\r\n`));
    return await this.heard();
  }

  async loggedIn(): Promise<this> {
    await this.heard();
    await this.say('a LOGIN x y');
    return this;
  }

  /** The owner's side of the stream opened last. */
  get owner(): { say(message: ToFrontend): Promise<void>; next(): Promise<ToOwner> } {
    const stream = this.streams.at(-1)!;
    return {
      say: (message) => stream.send(message),
      next: async () => (await stream.messages[Symbol.asyncIterator]().next()).value as ToOwner,
    };
  }
}

void t.test('RFC 3501 section 5.4: before log-in too, thirty minutes after the last command', async (t) => {
  const desk = new Desk();
  t.match(await desk.heard(30 * MINUTE_MS - 1), /^\* OK/);
  t.match(await desk.say('a NOOP'), /^a OK/);
  t.equal(await desk.heard(20 * MINUTE_MS), '');
  desk.client.write(Buffer.from('b'));
  t.equal(await desk.heard(10 * MINUTE_MS - 1), '');
  t.match(await desk.heard(1), /^\* BYE /, 'a part of a command is none');
});

void t.test(
  'a command has ten minutes to come, and as much more as its octets take at 32 KiB/s',
  async (t) => {
    const desk = await new Desk().loggedIn();
    t.equal(await desk.heard(25 * MINUTE_MS), '', 'silence between commands is another thing');
    await desk.say('b APPEND INBOX {900}');
    for (let minute = 1; minute < 10; minute++) {
      desk.client.write(Buffer.from('x'));
      t.equal(await desk.heard(MINUTE_MS), '');
    }
    desk.client.write(Buffer.from('x'));
    t.match(await desk.heard(MINUTE_MS + 1000), /^\* BYE a command takes too long/);
  },
);

void t.test('section 5.4: after log-in thirty minutes of silence, counted from the last octet', async (t) => {
  const desk = await new Desk().loggedIn();
  t.equal(await desk.heard(30 * MINUTE_MS - 1), '');
  desk.client.write(Buffer.from('b NO'));
  t.equal(await desk.heard(MINUTE_MS), '', 'a slow client is no silent one');
  t.match(await desk.say('OP'), '');
  t.match(await desk.owner.next(), { kind: 'command', again: false });
  await desk.owner.say({ kind: 'end', bytes: Buffer.from('b OK done\r\n'), state: NEW_SESSION });
  t.match(await desk.heard(30 * MINUTE_MS - 1), /^b OK done\r\n$/);
  t.match(await desk.heard(1), /^\* BYE idle/);
  await desk.heard(5000);
  t.equal(desk.isClosed, true, 'and closed, though the client never ends its side');
});

void t.test(
  'RFC 2177 section 3: IDLE goes on without any owner to answer, and ends after thirty minutes',
  async (t) => {
    const desk = await new Desk().loggedIn();
    await desk.say('b IDLE');
    t.match(await desk.owner.next(), { kind: 'command', transaction: null });
    await desk.owner.say({ kind: 'output', bytes: Buffer.from('+ idling\r\n'), whole: true });
    t.equal(await desk.heard(), '+ idling\r\n');
    t.equal(await desk.heard(30 * MINUTE_MS - 1), '');
    await desk.heard(1);
    t.match(await desk.owner.next(), { kind: 'done', how: 'silence' });
    await desk.owner.say({ kind: 'end', bytes: Buffer.from('b OK idle ended\r\n'), state: NEW_SESSION });
    t.match(await desk.heard(), /^b OK idle ended\r\n\* BYE /);
  },
);

void t.test('an owner that works is waited for; one that says nothing is not', async (t) => {
  const desk = await new Desk().loggedIn();
  await desk.say('b SEARCH TEXT x');
  for (let second = 0; second < 60; second++) {
    await desk.owner.say({ kind: 'working' });
    t.equal(await desk.heard(1000), '');
  }
  t.equal(
    await desk.heard(STALL_MS + 1000),
    'b NO [UNAVAILABLE] temporarily unavailable, try again later\r\n',
  );
  t.equal(desk.isClosed, false);
});

void t.test(
  'what may have been done and would make copies if it was done again is not answered NO',
  async (t) => {
    const desk = await new Desk().loggedIn();
    await desk.say('b APPEND INBOX {1+}\r\nx');
    t.match(await desk.owner.next(), { kind: 'command', transaction: { number: 1 } });
    t.match(await desk.heard(STALL_MS + 1000), /^\* BYE \[UNAVAILABLE\] it is not known/);
  },
);

void t.test(
  'a lost owner is looked for again, and the command put to it under the same number',
  async (t) => {
    const desk = await new Desk().loggedIn();
    await desk.say('b STORE 1 FLAGS ()');
    const first = await desk.owner.next();
    desk.streams[0]!.reset(new Error('lost'));
    await desk.heard(1000);
    t.equal(desk.streams.length, 2);
    t.match(first, { again: false });
    t.same(await desk.owner.next(), { ...first, again: true });
    await desk.owner.say({ kind: 'end', bytes: Buffer.from('b OK done\r\n'), state: NEW_SESSION });
    t.equal(await desk.heard(), 'b OK done\r\n');
  },
);

void t.test('inside a response nothing else can be said: the connection is closed', async (t) => {
  const desk = await new Desk().loggedIn();
  await desk.say('b FETCH 1 BODY[]');
  await desk.owner.say({ kind: 'output', bytes: Buffer.from('* 1 FETCH (BODY[] {9}\r\nabc'), whole: false });
  await desk.heard();
  desk.streams[0]!.reset(new Error('lost'));
  t.equal(await desk.heard(STALL_MS), '');
  t.equal(desk.isClosed, true);
});

void t.test('a client that is gone ends what its owner does for it', async (t) => {
  const desk = await new Desk().loggedIn();
  await desk.say('b SEARCH TEXT x');
  desk.client.destroy();
  await desk.heard(1000);
  t.equal(desk.streams.length, 1, 'no other owner is asked');
  t.equal(desk.streams[0]!.closed.aborted, true);
});

void t.test('the server stops: BYE after the running command', async (t) => {
  const desk = await new Desk().loggedIn();
  await desk.say('b NOOP');
  desk.imap.stop();
  t.equal(await desk.heard(), '');
  await desk.owner.say({ kind: 'end', bytes: Buffer.from('b OK done\r\n'), state: NEW_SESSION });
  t.match(await desk.heard(), /^b OK done\r\n\* BYE server shutting down/);
});
