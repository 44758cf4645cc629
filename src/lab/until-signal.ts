/** What a lab or demo in the foreground waits for: Ctrl-C or SIGTERM. A second one ends it at once. */

export interface Signalled extends Disposable {
  /** Resolves at the first signal. */
  readonly first: Promise<void>;
}

/** `atOnce` is called at the second signal, just before the process exits. */
export function untilSignal(atOnce: () => void): Signalled {
  const { promise, resolve } = Promise.withResolvers<void>();
  let signals = 0;
  const told = (): void => {
    if (++signals === 1) return resolve();
    atOnce();
    process.exit(1);
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, told);
  return {
    first: promise,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, told);
    },
  };
}
