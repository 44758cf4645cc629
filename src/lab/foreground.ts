/** A lab in the foreground: started, filled, described in `lab.json`, and there until Ctrl-C. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onEndSignals } from '../member/signals.ts';
import type { Platform } from '../platform/platform.ts';
import type { Made } from './accounts.ts';
import { Lab, type Tell } from './lab.ts';
import type { LabSize } from './plan.ts';

export interface Foreground {
  /** Undefined: a temporary folder, which goes with the lab. */
  readonly base: string | undefined;
  readonly size: LabSize;
  /** Who came or went. */
  readonly tell: Tell;
  readonly fill: (lab: Lab) => Promise<Made>;
  /** Everything is there. */
  readonly ready: (lab: Lab, made: Made) => void;
  readonly stopping: () => void;
}

export async function runInForeground(platform: Platform, options: Foreground): Promise<void> {
  const { base, size, tell, fill, ready, stopping } = options;
  const running: { lab: Lab | undefined } = { lab: undefined };
  using signalled = untilSignal(platform, () => running.lab?.kill());
  await using folder = await labFolder(base);
  await using lab = await Lab.start(platform, folder.path, size, tell);
  running.lab = lab;
  const filled = fill(lab);
  const made = await Promise.race([filled, signalled.first]);
  if (made === undefined) {
    // Its connections go with the members.
    filled.catch(() => undefined);
    return;
  }
  await lab.publish(made.postmaster, made.accounts);
  ready(lab, made);
  await signalled.first;
  stopping();
}

/** Ctrl-C or SIGTERM: `first` resolves; at the second one `atOnce` is called and the process exits. */
function untilSignal(platform: Platform, atOnce: () => void): { readonly first: Promise<void> } & Disposable {
  const { promise, resolve } = Promise.withResolvers<void>();
  const insisted = (): void => {
    atOnce();
    process.exit(1);
  };
  const end = onEndSignals(() => platform.clock.monotonicMs(), resolve, insisted);
  return { first: promise, [Symbol.dispose]: end };
}

async function labFolder(base: string | undefined): Promise<{ readonly path: string } & AsyncDisposable> {
  if (base !== undefined) return { path: base, [Symbol.asyncDispose]: () => Promise.resolve() };
  const path = await mkdtemp(join(tmpdir(), 'postern-lab-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
