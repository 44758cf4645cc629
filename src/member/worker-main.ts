/**
 * The program of a worker process. It is told by its supervisor what to be, and lives no longer than that: when the
 * channel ends, the supervisor is gone, and the worker exits at once, without waiting for anything.
 */
import { MemberSecurity } from '../cluster/security/member-security.ts';
import { type FromWorker, type ToWorker, unpackStart } from './protocol.ts';
import { ListenError, type RunningWorker, startWorker } from './worker.ts';

let running: RunningWorker | undefined;
/** Before all else: what comes of it while we start must not be lost. */
let security: MemberSecurity | undefined;

// Nobody would report our exit or replace us.
process.on('disconnect', endNow);
// A terminal's Ctrl-C reaches the whole group; the supervisor decides what happens then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'start':
      security = new MemberSecurity(message.security);
      startWorker(unpackStart(message), security).then(
        (worker) => {
          running = worker;
          tell({ kind: 'ready', services: worker.services });
        },
        (error: unknown) => fail(error),
      );
      return;
    case 'security':
      security?.replace(message.files);
      return;
    case 'ping':
      return tell({ kind: 'pong' });
    case 'stop':
      (running?.stop(message.graceMs) ?? Promise.resolve()).then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
      return;
    default:
      message satisfies never;
  }
});

/** SIGKILL runs no exit handler, so nothing can hold this up, and nothing half begun goes on. */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** The supervisor logs it; what is begun here ends with the process. */
function fail(error: unknown): void {
  const code = (error instanceof Error && error.cause ? error.cause : error) as { readonly code?: unknown };
  tell(
    {
      kind: 'failed',
      setting: error instanceof ListenError ? error.setting : undefined,
      code: typeof code.code === 'string' ? code.code : '',
      why: error instanceof Error ? error.message : String(error),
    },
    endNow,
  );
}

function tell(message: FromWorker, sent: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, undefined, sent);
}
