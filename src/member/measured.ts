/**
 * The counters of a worker, put between the parts where they meet, so that no part has to know that it is counted: each
 * function here gives what it was given, with plain numbers added to (docs/operator.md, "Metrics").
 */
import type { Bus, BusStream } from '../cluster/bus/types.ts';
import type { Dial } from '../cluster/dial.ts';
import { type FamilyName, LOGIN_SECONDS, SYNC_SECONDS } from '../http/metrics/families.ts';
import { failureCode } from '../lib/failure.ts';
import type { Labels, Measures, Tally } from '../lib/measures.ts';
import type { Authenticator, LoginAttempt } from '../login/types.ts';
import type { AppendFile, Clock, Fs, Net } from '../platform/platform.ts';
import { isReply, type MailIntake, type Reply } from '../smtp/types.ts';

function tally(measures: Measures, name: FamilyName, labels: Labels = {}): Tally {
  return measures.tally(name, labels);
}

/** Tallies that differ in their outcome, each looked up once: what is left for a message is `count++`. */
function byOutcome(measures: Measures, name: FamilyName, labels: Labels = {}): (outcome: string) => Tally {
  const known = new Map<string, Tally>();
  return (outcome) => {
    const found = known.get(outcome) ?? tally(measures, name, { ...labels, outcome });
    known.set(outcome, found);
    return found;
  };
}

/** Every file that is written durably is a log, but for the probe, which goes another way. */
export function measuredFs(fs: Fs, clock: Clock, measures: Measures): Fs {
  const commits = tally(measures, 'postern_commits_total');
  const octets = tally(measures, 'postern_commit_octets_total');
  const failures = tally(measures, 'postern_commit_failures_total');
  const seconds = measures.histogram('postern_sync_seconds' satisfies FamilyName, SYNC_SECONDS);
  const measured = (file: AppendFile): AppendFile => ({
    async writeDurably(chunks, position) {
      const startedMs = clock.monotonicMs();
      try {
        await file.writeDurably(chunks, position);
      } catch (error) {
        failures.count++;
        throw error;
      }
      commits.count++;
      for (const chunk of chunks) octets.count += chunk.length;
      seconds.observe((clock.monotonicMs() - startedMs) / 1000);
    },
    close: () => file.close(),
  });
  return {
    createExclusive: async (...args) => measured(await fs.createExclusive(...args)),
    open: (path) => fs.open(path),
    list: (path) => fs.list(path),
    makeDirectory: (path) => fs.makeDirectory(path),
    syncDirectory: (path) => fs.syncDirectory(path),
    replace: (path, bytes) => fs.replace(path, bytes),
    remove: (path) => fs.remove(path),
    removeTree: (path) => fs.removeTree(path),
    kind: (path) => fs.kind(path),
  };
}

export function measuredBus(bus: Bus, measures: Measures): Bus {
  const answers = tally(measures, 'postern_bus_answers_total');
  const calls = byOutcome(measures, 'postern_bus_calls_total');
  const ok = calls('ok');
  const failed = (error: unknown): void => {
    calls(failureCode(error) ?? 'unknown').count++;
  };
  return {
    self: bus.self,
    serve: (service, handler) =>
      bus.serve(service, (body, context) => {
        answers.count++;
        return handler(body, context);
      }),
    onNotice: (service, handler) => bus.onNotice(service, handler),
    onStream: (service, handler) => bus.onStream(service, handler),
    call(to, service, body, options) {
      const answer = bus.call(to, service, body, options);
      answer.then(() => void ok.count++, failed);
      return answer;
    },
    notify: (to, service, body) => bus.notify(to, service, body),
    open: (to, service, body, options) => bus.open(to, service, body, options),
    onPeer: (listener) => bus.onPeer(listener),
    close: () => bus.close(),
  };
}

/** Commands of sessions at the owners; `service` is the bus's name of the stream, `imap.session`. */
export function measuredDial(dial: Dial, measures: Measures): Dial {
  return {
    async open(slot, service, body, timeoutMs) {
      const stream = await dial.open(slot, service, body, timeoutMs);
      const [protocol = service] = service.split('.');
      return measuredStream(stream, tally(measures, 'postern_session_commands_total', { service: protocol }));
    },
    changed: (slot, withinMs, inBackground) => dial.changed(slot, withinMs, inBackground),
  };
}

function measuredStream(stream: BusStream, commands: Tally): BusStream {
  return {
    peer: stream.peer,
    messages: stream.messages,
    closed: stream.closed,
    send(message) {
      if (isCommand(message)) commands.count++;
      return stream.send(message);
    },
    end: () => stream.end(),
    reset: (reason) => stream.reset(reason),
  };
}

function isCommand(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'command';
}

export function measuredAuthenticator(
  authenticator: Authenticator,
  clock: Clock,
  measures: Measures,
): Authenticator {
  const seconds = measures.histogram('postern_login_seconds' satisfies FamilyName, LOGIN_SECONDS);
  async function measured<T>({ service }: LoginAttempt, work: () => Promise<T>, isLast: boolean): Promise<T> {
    const startedMs = clock.monotonicMs();
    const count = (outcome: string): void => {
      tally(measures, 'postern_logins_total', { service, outcome }).count++;
      seconds.observe((clock.monotonicMs() - startedMs) / 1000);
    };
    try {
      const result = await work();
      if (isLast) count('ok');
      return result;
    } catch (error) {
      const code = failureCode(error);
      count(code === 'refused' ? 'failed' : code === 'limit' ? 'limited' : 'unavailable');
      throw error;
    }
  }
  return {
    verifyPassword: (login, password, attempt) =>
      measured(attempt, () => authenticator.verifyPassword(login, password, attempt), true),
    async beginScram(login, attempt) {
      const exchange = await measured(attempt, () => authenticator.beginScram(login, attempt), false);
      return {
        salt: exchange.salt,
        iterations: exchange.iterations,
        verify: (authMessage, proof) => measured(attempt, () => exchange.verify(authMessage, proof), true),
      };
    },
  };
}

export function measuredIntake(intake: MailIntake, service: string, measures: Measures): MailIntake {
  const recipients = byOutcome(measures, 'postern_recipients_total', { service });
  const messages = byOutcome(measures, 'postern_messages_total', { service });
  const outcome = (reply: Reply | undefined): string =>
    reply === undefined ? 'accepted' : reply.code >= 500 ? 'refused' : 'put-off';
  return {
    ...intake,
    async resolve(...args) {
      const found = await intake.resolve(...args);
      recipients(outcome(isReply(found) ? found : undefined)).count++;
      return found;
    },
    async deliver(...args) {
      const reply = await intake.deliver(...args);
      messages(outcome(reply)).count++;
      return reply;
    },
  };
}

/** A listener's `accept`, counted. */
export function measuredAccept<C>(
  accept: (connection: C) => void,
  service: string,
  measures: Measures,
): (connection: C) => void {
  const accepted = tally(measures, 'postern_connections_total', { service });
  return (connection) => {
    accepted.count++;
    accept(connection);
  };
}

export function measuredNet(net: Net, service: string, measures: Measures): Net {
  return {
    listen: (address, accept, options) =>
      net.listen(address, measuredAccept(accept, service, measures), options),
    connect: (address, options) => net.connect(address, options),
  };
}
