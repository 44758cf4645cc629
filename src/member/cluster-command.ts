/**
 * `postern cluster members|not-ready NAME|ready NAME|level [N]`: asked of the member that runs on this base folder, whatever its role, as
 * the controller answers for all of them. With --json it prints what programs read.
 */
import { userInfo } from 'node:os';
import type { LevelReport, MemberLine } from '../admin/members.ts';
import type { ClusterOptions } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import { CLUSTER_SERVICE, type ClusterQuestion } from './cluster-service.ts';
import { askOwnMember, ownSecurity } from './own-member.ts';
import { readStatus } from './status-file.ts';

/** Above what a change of settings may take. */
const ASK_TIMEOUT_MS = 20_000;

/** As members come over the bus: what is absent is null. */
type Line = {
  readonly [K in keyof MemberLine]: undefined extends MemberLine[K]
    ? Exclude<MemberLine[K], undefined> | null
    : MemberLine[K];
};

/** Resolves to the exit status. */
export async function clusterCommand({ base, ask, json }: ClusterOptions): Promise<number> {
  const security = await ownSecurity(base);
  const { member } = security.self;
  const { notReady } = await readStatus(base);
  if (notReady === undefined)
    throw new Failure(
      'refused',
      `the member that runs on ${base} is of an earlier version, which has no such command: to take it out stop it (SIGTERM), it drains then`,
    );
  const by = `${userInfo().username}@${member}`;
  const question: ClusterQuestion = ask.act === 'not-ready' ? { ...ask, by } : ask;
  const answer = await askOwnMember(base, security, {
    service: CLUSTER_SERVICE,
    body: question,
    timeoutMs: ASK_TIMEOUT_MS,
  });
  process.stdout.write(json ? `${JSON.stringify(answer, undefined, 2)}\n` : tell(question, answer));
  return 0;
}

/** For people. */
export function tell(question: ClusterQuestion, answer: unknown): string {
  switch (question.act) {
    case 'members':
      return membersTable(answer as readonly Line[]);
    case 'level':
      return levelText(answer as LevelReport);
    case 'not-ready':
      return `postern: ${question.member} takes nothing new any more; 'postern cluster members' shows what it still has\n`;
    case 'ready':
      return `postern: ${question.member} takes clients and slots again\n`;
    case 'raise-level': {
      const behind = answer as readonly string[];
      const more =
        behind.length === 0
          ? ''
          : `; ${behind.join(', ')}, which know less, are not let in any more until they are updated`;
      return `postern: the cluster is at feature level ${question.level}${more}\n`;
    }
    default:
      return question satisfies never;
  }
}

const HEADINGS = ['member', 'role', 'state', 'slots', 'connections', 'version', 'level'] as const;
const GAP = '  ';

function membersTable(members: readonly Line[]): string {
  const rows = members.map((each) => [
    each.name,
    each.role,
    stateOf(each),
    String(each.slots),
    each.connections === null ? '?' : String(each.connections),
    each.version,
    String(each.level),
  ]);
  const all = [[...HEADINGS], ...rows];
  const widths = HEADINGS.map((_, at) => Math.max(...all.map((row) => row[at]!.length)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at]!))
          .join(GAP)
          .trimEnd()}\n`,
    )
    .join('');
}

function stateOf({ state, isController, notReady, draining, refusal }: Line): string {
  return [
    state,
    isController ? 'controller' : undefined,
    notReady === null ? undefined : `made not ready by ${notReady.by} at ${notReady.since}`,
    draining && notReady === null ? 'draining' : undefined,
    refusal ?? undefined,
  ]
    .filter((each) => each !== undefined)
    .join(', ');
}

function levelText({ level, known, members, next }: LevelReport): string {
  const lines = [`cluster: level ${level}; this program knows levels up to ${known}`];
  for (const each of members) lines.push(`${each.name}: level ${each.level} (version ${each.version})`);
  for (const { level: each, version, brings } of next)
    lines.push(`level ${each} (version ${version}) brings: ${brings}`);
  return `${lines.join('\n')}\n`;
}
