/**
 * Signals that end a process in the foreground: the first one asks, the second one insists. A Ctrl-C under npm, and a TERM of
 * timeout(1), come twice within a moment, to the process and to its group: that is one signal.
 */

const NAMES = ['SIGINT', 'SIGTERM'] as const;
/** What comes within this time after the first is the same signal. */
const SAME_MS = 100;

/** `asked` is called once, `insisted` at the second signal. The returned function ends it. */
export function onEndSignals(monotonicMs: () => number, asked: () => void, insisted: () => void): () => void {
  let firstMs: number | undefined;
  const told = (): void => {
    if (firstMs === undefined) {
      firstMs = monotonicMs();
      asked();
    } else if (monotonicMs() - firstMs >= SAME_MS) insisted();
  };
  for (const name of NAMES) process.on(name, told);
  return () => {
    for (const name of NAMES) process.off(name, told);
  };
}
