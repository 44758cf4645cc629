/** The commands on members of the cluster: `CLUSTER` and a second word. */

import { parseLevel } from '../cluster/level.ts';
import type { Value } from '../lib/dictionary/value.ts';
import { failureCode } from '../lib/failure.ts';
import type { Command } from './command.ts';
import { optionalWord, word } from './grammar.ts';
import type { LevelReport, MemberLine } from './members.ts';
import { Refusal } from './types.ts';

export const CLUSTER_COMMANDS = {
  'CLUSTER MEMBERS': {
    parts: [],
    right: 'Master',
    help: 'the members, a dictionary by name: state, what is asked of them, slots and connections that are left',
    run: async ({ admin }) =>
      new Map((await admin.members.members()).map((each) => [each.name, memberValue(each)])),
  },
  'CLUSTER NOTREADY': {
    parts: [word('member')],
    right: 'Master',
    help: 'the member takes nothing new: balancers are told, its slots move away; until CLUSTER READY',
    run: async ({ admin, args, who }) => {
      await named(admin.members.makeNotReady(args.text('member'), who.login));
      return undefined;
    },
  },
  'CLUSTER READY': {
    parts: [word('member')],
    right: 'Master',
    help: 'the member takes clients and slots again',
    run: async ({ admin, args }) => {
      await named(admin.members.makeReady(args.text('member')));
      return undefined;
    },
  },
  'CLUSTER LEVEL': {
    parts: [optionalWord('level')],
    right: 'Master',
    help: 'the feature level of the cluster and what the next ones bring; with a level: raise it, which cannot be undone',
    run: async ({ admin, args }) => {
      const text = args.optionalText('level');
      if (text === undefined) return levelValue(await admin.members.level());
      const level = parseLevel(text);
      if (level === undefined) throw new Refusal('invalid', 'a level is a number such as 1');
      const behind = await admin.members.raiseLevel(level);
      return new Map<string, Value>([
        ['Level', String(level)],
        ['RefusedWhenBack', [...behind]],
      ]);
    },
  },
} as const satisfies Record<string, Command>;

/** No such member is no such account, as codes of the CLI go; its message says which there are. */
async function named(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (failureCode(error) !== 'not-found') throw error;
    throw new Refusal('invalid', (error as Error).message, { cause: error });
  }
}

function memberValue(member: MemberLine): Value {
  const { role, state, isController, draining, notReady, slots, connections, version, level, refusal } =
    member;
  return new Map<string, Value>([
    ['Role', role],
    ['State', state],
    ['Controller', isController ? 'YES' : 'NO'],
    ['Draining', draining ? 'YES' : 'NO'],
    ['Slots', String(slots)],
    ...(connections === undefined ? [] : [['Connections', String(connections)] as const]),
    ['Version', version],
    ['Level', String(level)],
    ...(notReady === undefined ? [] : [['NotReadySince', notReady.since] as const]),
    ...(notReady === undefined ? [] : [['NotReadyBy', notReady.by] as const]),
    ...(refusal === undefined ? [] : [['Refusal', refusal] as const]),
  ]);
}

function levelValue({ level, known, members, next }: LevelReport): Value {
  return new Map<string, Value>([
    ['Level', String(level)],
    ['Known', String(known)],
    ['Members', new Map(members.map((each) => [each.name, String(each.level)]))],
    ['Next', new Map(next.map(({ level: each, brings }) => [String(each), brings]))],
  ]);
}
