/**
 * A process that outlives a killed lab for a moment: when the lab's channel ends without a word, it kills every process the
 * lab had named to it. Members end by themselves then, but not those that are paused (SIGSTOP): they see nothing.
 */

/** Supervisors and workers as of now. An empty list is good-bye. */
export interface ToReaper {
  readonly pids: readonly number[];
}

let pids: readonly number[] = [];

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('message', (message: ToReaper) => {
  pids = message.pids;
});

process.on('disconnect', () => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already, which is what is wanted.
    }
  }
  process.exit(0);
});
