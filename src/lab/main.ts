/**
 * `postern lab`: a whole cluster on free loopback ports, in the foreground, described in `DIR/lab.json` when all members are
 * ready; and `postern lab kill|stop|start|pause|resume NAME --base DIR`, which acts on one member of it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabOptions, LabStartOptions } from '../flags.ts';
import { onEndSignals } from '../member/signals.ts';
import type { Platform } from '../platform/platform.ts';
import { realPlatform } from '../platform/real/platform.ts';
import { fillLab } from './accounts.ts';
import { askLab } from './control.ts';
import { Lab } from './lab.ts';
import { LAB_FILE } from './lab-file.ts';

/** Resolves to the exit status. */
export async function runLab(options: LabOptions): Promise<number> {
  if (options.kind === 'act') {
    await askLab(options.base, options.action, options.name);
    return 0;
  }
  const platform = realPlatform();
  await using folder = await labFolder(options.base);
  await serve(platform, folder.path, options);
  return 0;
}

async function serve(platform: Platform, directory: string, options: LabStartOptions): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`postern lab: ${line}\n`);
  const running: { lab: Lab | undefined } = { lab: undefined };
  using signalled = untilSignal(platform, () => running.lab?.kill());
  const starting = Lab.start(platform, directory, options, say);
  await using lab = await starting;
  running.lab = lab;
  const filled = fillLab(lab, options.domain, options.accounts);
  const made = await Promise.race([filled, signalled.first]);
  if (made === undefined) {
    // Its connections go with the members.
    filled.catch(() => undefined);
    return;
  }
  await lab.publish(made.postmaster, made.accounts);
  say(`ready, see ${join(directory, LAB_FILE)}; Ctrl-C stops it`);
  await signalled.first;
  say('stopping');
}

/** Ctrl-C or SIGTERM: `first` resolves; at the second one `atOnce` is called and the process exits. */
export function untilSignal(
  platform: Platform,
  atOnce: () => void,
): { readonly first: Promise<void> } & Disposable {
  const { promise, resolve } = Promise.withResolvers<void>();
  const insisted = (): void => {
    atOnce();
    process.exit(1);
  };
  const end = onEndSignals(() => platform.clock.monotonicMs(), resolve, insisted);
  return { first: promise, [Symbol.dispose]: end };
}

/** The folder given, or a temporary one that goes with the lab. */
export async function labFolder(
  base: string | undefined,
): Promise<{ readonly path: string } & AsyncDisposable> {
  if (base !== undefined) return { path: base, [Symbol.asyncDispose]: () => Promise.resolve() };
  const path = await mkdtemp(join(tmpdir(), 'postern-lab-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
