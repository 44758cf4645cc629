/**
 * Where the program starts: flags, then the part they ask for. Every error that ends it is one line on standard error
 * and a status other than 0. The parts are loaded when needed, so that `--help` costs nothing.
 */

import { helpText, parseFlags, VERSION } from './flags.ts';
import { failureCode } from './lib/failure.ts';

/** The arguments were wrong; 1 is for everything else. */
const STATUS_USAGE = 2;

process.exit(await main(process.argv.slice(2)));

/** Resolves to the exit status. */
async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    complain(explain(error));
    return 1;
  }
}

async function run(args: readonly string[]): Promise<number> {
  const invocation = parseFlags(args, process.cwd());
  switch (invocation.kind) {
    case 'bad':
      complain(invocation.why);
      return STATUS_USAGE;
    case 'help':
      return print(invocation.topic === 'flags' ? helpText() : await settingsManual());
    case 'version':
      return print(`Postern ${VERSION}, Node ${process.version}\n`);
    case 'member': {
      const { runMember } = await import('./member/run.ts');
      return runMember(invocation.options);
    }
    case 'init': {
      const { initStorage } = await import('./member/init.ts');
      return initStorage(invocation.options);
    }
    case 'cluster': {
      const { clusterCommand } = await import('./member/cluster-command.ts');
      return clusterCommand(invocation.options);
    }
    case 'check-storage': {
      const { checkStorageCommand } = await import('./member/self-test/command.ts');
      return checkStorageCommand(invocation.options);
    }
    case 'certificate': {
      const { installCertificate } = await import('./member/certificate-command.ts');
      return installCertificate(invocation.options);
    }
    case 'invite': {
      const { invite } = await import('./member/security-commands.ts');
      return invite(invocation.options);
    }
    case 'join': {
      const { joinCluster } = await import('./member/join.ts');
      return joinCluster(invocation.options);
    }
    case 'revoke': {
      const { revoke } = await import('./member/security-commands.ts');
      return revoke(invocation.options);
    }
    case 'rotate-keys': {
      const { rotateKeys } = await import('./member/security-commands.ts');
      return rotateKeys(invocation.options);
    }
    case 'lab': {
      const { runLab } = await import('./lab/main.ts');
      return runLab(invocation.options);
    }
    case 'demo': {
      const { runDemo } = await import('./lab/demo.ts');
      return runDemo(invocation.options);
    }
  }
}

async function settingsManual(): Promise<string> {
  const { describeSettings } = await import('./settings/settings.ts');
  const { describeDomainSettings } = await import('./settings/domain-settings.ts');
  return `${describeSettings()}\n${describeDomainSettings()}`;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function complain(why: string): void {
  process.stderr.write(`postern: ${why.replaceAll(/\s*[\r\n]+\s*/g, ' ')}\n`);
}

/** A Failure says what to change by itself; the system's errors are named with what they were about. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (failureCode(error) !== undefined || 'code' in error) return error.message;
  // A mistake of ours: where it is helps whoever reports it.
  const where = error.stack?.split('\n')[1]?.trim();
  return `${error.message || error.name}${where === undefined ? '' : ` (${where})`}`;
}
