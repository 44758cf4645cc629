/**
 * `postern [flags]`: runs one member until it is told to stop. Everything a person has to mend is found before anything
 * serves, and ends with one line that says what to change. SIGTERM and SIGINT drain and stop; a second one stops at once.
 */
import { join } from 'node:path';
import type { MemberOptions } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import { createLogger, type RootLogger } from '../lib/logging.ts';
import { realPlatform } from '../platform/real/platform.ts';
import { listenProblem, problemLine } from '../settings/load.ts';
import { isSettingName, type Settings } from '../settings/settings.ts';
import { initialise, passwordLine } from './init.ts';
import { logLastWords } from './last-words.ts';
import { checkPeers } from './other-cluster.ts';
import { loadOwnSettings, memberName, type OwnSettings } from './own-settings.ts';
import { takeProcessId } from './process-id.ts';
import { DUTIES } from './roles.ts';
import { loadSecurity } from './security-files.ts';
import { testStorage } from './self-test/start.ts';
import { onEndSignals } from './signals.ts';
import { admitStorage, memberPlatform, rememberClusterId, storageRoot } from './storage.ts';
import { createSupervisor, type Supervisor, startFailure } from './supervisor.ts';
import { wasAlone } from './was-alone.ts';
import { LOG_FILE } from './worker.ts';
import type { StartProblem } from './worker-processes.ts';

/** A start that takes longer is waiting for something that a person may have to see to. */
const LATE_MS = 10_000;
/** Stopped before it was done, by a second signal or because who started us is gone. */
const STATUS_AT_ONCE = 1;

/** Resolves to the exit status. */
export async function runMember({ base, role }: MemberOptions): Promise<number> {
  const { owns } = DUTIES[role];
  const loaded = await loadOwnSettings(realPlatform().fs, base, role !== 'standalone' && owns);
  const { settings } = loaded;
  if (role === 'frontend' && settings.BackendAddresses.length === 0)
    throw new Failure(
      'invalid',
      `${join(base, 'Settings', 'Main.settings')}: BackendAddresses: a frontend needs the ClusterAddress of every backend`,
    );
  const member = memberName(settings);
  const logger = createLogger({ level: settings.LogLevel, to: join(base, LOG_FILE), fields: { member } });
  logLastWords(logger);
  try {
    await using _ = await takeProcessId(base);
    return await serve({ base, role, member, loaded, logger });
  } finally {
    await logger.close();
  }
}

interface Run {
  readonly base: string;
  readonly role: MemberOptions['role'];
  readonly member: string;
  readonly loaded: OwnSettings;
  readonly logger: RootLogger;
}

async function serve({ base, role, member, loaded, logger }: Run): Promise<number> {
  const { settings, document } = loaded;
  const { owns } = DUTIES[role];
  const platform = memberPlatform(base, settings.PoolSize, logger.child({ part: 'net' }));
  if (role === 'standalone') {
    // A member that stands alone makes its storage and keys itself; in a cluster that is an explicit act.
    const made = await initialise(platform, {
      base,
      root: storageRoot(base),
      logger,
      members: [{ name: member, role, base }],
      alone: await wasAlone(platform, base, settings),
    });
    if (made.password !== undefined) process.stdout.write(passwordLine(made.password));
  }
  const stored = owns ? await admitStorage(platform, base) : undefined;
  const security = await loadSecurity(base, member, role);
  const { clusterId } = security.self;
  if (stored !== undefined && stored !== clusterId)
    throw new Failure(
      'refused',
      `${storageRoot(base)} is another cluster's storage: its id is ${stored}, the certificate of this member is for ${clusterId}`,
    );
  if (owns) {
    await checkPeers(platform, { base, member, settings, clusterId, security, logger });
    await testStorage({ platform, base, member, settings, security, logger });
  }
  const options = { base, role, member, settings, platform, clusterId, security, logger };
  const supervisor = await createSupervisor(options).catch((error: unknown) => {
    if (!isListenError(error)) throw error;
    throw new Failure('invalid', problemLine(listenProblem(base, document, 'ClusterAddress', error)));
  });
  const stopped = stopBySignal(supervisor, () => platform.clock.monotonicMs());
  const late = platform.clock.timer(LATE_MS, () => {
    const waitsFor = supervisor.waitsFor();
    logger.warn({ waitsFor }, 'member not ready yet');
    process.stderr.write(`postern: ${member} (${role}) is not ready yet: ${waitsFor}\n`);
  });
  const problem = await Promise.race([supervisor.start(), stopped.asked]).finally(() => late.cancel());
  if (problem !== undefined && problem !== 'stopping') {
    await supervisor.abandon();
    throw explain(base, loaded, problem);
  }
  if (problem === undefined) {
    await rememberClusterId(base, clusterId);
    logger.info({ role, clusterId }, 'member ready');
    process.stdout.write(`postern: ${member} (${role}) is ready\n`);
  }
  return stopped.done;
}

/** The first signal drains and stops; the second ends all at once, and so does the end of whoever started us. */
function stopBySignal(
  supervisor: Supervisor,
  monotonicMs: () => number,
): {
  readonly asked: Promise<'stopping'>;
  readonly done: Promise<number>;
} {
  const asked = Promise.withResolvers<'stopping'>();
  const done = Promise.withResolvers<number>();
  const atOnce = (): void => {
    supervisor.kill();
    process.exit(STATUS_AT_ONCE);
  };
  const stop = (): void => {
    asked.resolve('stopping');
    supervisor.stop().then(() => done.resolve(0), done.reject);
  };
  onEndSignals(monotonicMs, stop, atOnce);
  // Started with a channel (the lab does): it is our life line, as ours is our workers'. It may have ended while we started.
  if (process.send !== undefined) {
    process.on('disconnect', atOnce);
    if (!process.connected) atOnce();
  }
  return { asked: asked.promise, done: done.promise };
}

function explain(base: string, { document, settings }: OwnSettings, problem: StartProblem): Failure {
  const key = problem.setting;
  if (key === undefined || !isSettingName(key)) return startFailure(problem);
  const error = Object.assign(new Error(problem.why), { code: problem.code });
  return new Failure(
    'invalid',
    `${problemLine(listenProblem(base, document, key, error))}${wanted(settings, key)}`,
  );
}

function wanted(settings: Settings, key: keyof Settings): string {
  const value: unknown = settings[key];
  return typeof value === 'object' && value !== null && 'port' in value
    ? ` (it is ${String(value.port)})`
    : '';
}

function isListenError(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall === 'listen';
}
