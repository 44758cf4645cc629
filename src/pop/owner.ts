/** POP3 on the owner of the account: takes a frontend's stream and runs the session's commands, one at a time. */
import type { BusStream } from '../cluster/bus/types.ts';
import { readTransactionId } from '../directory/wire.ts';
import { Failure } from '../lib/failure.ts';
import type { Clock } from '../platform/platform.ts';
import { Output } from '../relay/output.ts';
import { type OwnedOptions, serveOwned } from '../relay/owned.ts';
import { ruleOf } from './commands/table.ts';
import { PopSession } from './session/session.ts';
import { type Attach, POP_SERVICE, readAttach, type ToFrontend, type ToOwner } from './wire.ts';

export interface PopOwnerOptions
  extends Pick<OwnedOptions<Attach>, 'bus' | 'host' | 'logger' | 'sessionsMax'> {
  readonly clock: Clock;
}

export function servePopOwner(options: PopOwnerOptions): void {
  const { bus, host, clock, logger, sessionsMax } = options;
  serveOwned<Attach>({
    bus,
    host,
    logger,
    service: POP_SERVICE,
    ...(sessionsMax !== undefined && { sessionsMax }),
    read: readAttach,
    async run({ login, opened }, account, stream) {
      const session = new PopSession({ account, login, clock, logger });
      if (opened !== null) session.resume(opened);
      try {
        for await (const message of stream.messages) await take(session, stream, message as ToOwner);
      } finally {
        // The client left without QUIT: nothing is deleted, but what it read it has seen.
        await session.writeSeen().catch((error: unknown) => {
          logger.info({ login, err: error }, 'pop: \\Seen was not written');
        });
      }
    },
  });
}

async function take(session: PopSession, stream: BusStream, message: ToOwner): Promise<void> {
  switch (message.kind) {
    case 'marks':
      session.resumeMarks(message.deleted, message.seen);
      return;
    case 'command': {
      const { command, progress, transaction } = message;
      const rule = ruleOf(command.name);
      if (rule === undefined) throw new Failure('invalid', 'no such command');
      const tell = (news: ToFrontend): Promise<void> => stream.send(news);
      const output = new Output(
        () => session.account.settled(),
        (bytes, at) => tell({ kind: 'output', bytes, progress: at }),
        rule.counts === 'octets' ? progress : 0,
      );
      const changed = await rule.run(
        {
          session,
          output,
          progress,
          transaction: transaction === null ? undefined : readTransactionId(transaction),
          working: () => tell({ kind: 'working' }),
        },
        command,
      );
      await tell({ kind: 'end', bytes: await output.last(), changed });
      return;
    }
    default:
      message satisfies never;
  }
}
