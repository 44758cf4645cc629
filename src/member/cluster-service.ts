/**
 * What `bin/postern cluster …` asks of the supervisor of its own member, over the bus: the same as the commands `CLUSTER …` of the CLI.
 * Both sides are of one installation, but the one that runs may be of the version before.
 */
import type { ClusterMembers } from '../admin/members.ts';
import type { Bus } from '../cluster/bus/types.ts';
import { fields, text, uint } from '../cluster/messages.ts';
import { Failure } from '../lib/failure.ts';

export const CLUSTER_SERVICE = 'member.cluster';

export const CLUSTER_ACTIONS = ['members', 'not-ready', 'ready', 'level', 'raise-level'] as const;

export type ClusterQuestion =
  | { readonly act: 'members' | 'level' }
  /** `by`: who asks, as the cluster is told. */
  | { readonly act: 'not-ready'; readonly member: string; readonly by: string }
  | { readonly act: 'ready'; readonly member: string }
  | { readonly act: 'raise-level'; readonly level: number };

export function serveCluster(bus: Pick<Bus, 'serve'>, members: ClusterMembers): void {
  bus.serve(CLUSTER_SERVICE, async (body) => {
    const question = readQuestion(body);
    switch (question.act) {
      case 'members':
        return (await members.members()).map(plain);
      case 'level':
        return members.level();
      case 'not-ready':
        return await done(members.makeNotReady(question.member, question.by));
      case 'ready':
        return await done(members.makeReady(question.member));
      case 'raise-level':
        return members.raiseLevel(question.level);
      default:
        return question satisfies never;
    }
  });
}

/** Failure 'invalid' for nonsense. */
export function readQuestion(body: unknown): ClusterQuestion {
  const it = fields(body, 'question');
  const act = CLUSTER_ACTIONS.find((each) => each === it.act);
  switch (act) {
    case 'members':
    case 'level':
      return { act };
    case 'not-ready':
      return { act, member: text(it.member, 'member'), by: text(it.by, 'by') };
    case 'ready':
      return { act, member: text(it.member, 'member') };
    case 'raise-level':
      return { act, level: uint(it.level, 'level') };
    case undefined:
      throw new Failure('invalid', 'not known what is asked');
    default:
      return act satisfies never;
  }
}

async function done(work: Promise<void>): Promise<null> {
  await work;
  return null;
}

/** Absent fields are null on the bus. */
function plain(row: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, (value as unknown) ?? null]));
}
