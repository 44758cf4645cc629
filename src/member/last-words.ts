/** What ends a process of ours against its will is in the member's log too; standard error may go nowhere. */
import type { Logger } from '../lib/logging.ts';

/** Node prints the error and ends the process as always. */
export function logLastWords(logger: Logger): void {
  process.on('uncaughtExceptionMonitor', (err, origin) =>
    logger.fatal({ err, origin }, 'an error of ours ends the process'),
  );
}
