/**
 * What an operator sees of the members and asks of them (docs/cluster.md): readiness and feature level. It works on what every
 * process of the cluster has, so the commands of the CLI (in workers) and `bin/postern cluster` (at the supervisor) are one.
 */
import { FeatureLevel, LEVEL_KEY, type Level } from '../cluster/level.ts';
import { encodeNotReady, type NotReady, notReadyKey } from '../cluster/not-ready.ts';
import type { MemberStatus, NodeView } from '../cluster/types.ts';
import { Failure } from '../lib/failure.ts';
import type { Clock, Random } from '../platform/platform.ts';

export interface ClusterMembersOptions {
  readonly node: Pick<NodeView, 'status' | 'refreshStatus' | 'settings' | 'changeSettings' | 'controller'>;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly random: Random;
  /** False where the member stands alone. */
  readonly clustered: boolean;
  /** What this program knows; its own process's need not be the one asked. */
  readonly level?: FeatureLevel;
}

/** A member as operators are shown it. */
export interface MemberLine {
  readonly name: string;
  readonly role: MemberStatus['role'];
  readonly state: MemberStatus['state'];
  readonly isController: boolean;
  readonly draining: boolean;
  readonly notReady: NotReady | undefined;
  /** What is left where it is to be stopped: slots, and connections of clients; undefined where it does not say. */
  readonly slots: number;
  readonly connections: number | undefined;
  readonly version: string;
  readonly level: number;
  readonly refusal: string | undefined;
}

export interface LevelReport {
  readonly level: number;
  readonly known: number;
  readonly members: readonly { readonly name: string; readonly version: string; readonly level: number }[];
  /** What there would be to win. */
  readonly next: readonly Level[];
}

/** The controller answers from memory. */
const REFRESH_MS = 1000;
const CHANGE_MS = 15_000;
const REQUEST_OCTETS = 16;

export class ClusterMembers {
  readonly #o: ClusterMembersOptions;
  readonly #level: FeatureLevel;

  constructor(options: ClusterMembersOptions) {
    this.#o = options;
    this.#level = options.level ?? new FeatureLevel();
    this.#level.follow(options.node.settings);
  }

  /** By name. Failure 'unavailable' when the controller does not answer. */
  async members(): Promise<readonly MemberLine[]> {
    return (await this.#status()).map(lineOf);
  }

  /** Resolves when the member itself knows. Failure 'not-found', 'unavailable', 'unknown'. */
  async makeNotReady(member: string, by: string): Promise<void> {
    const found = await this.#find(member);
    // Since when it is, and by whom, stays.
    if (found.notReady !== undefined) return;
    const since = new Date(this.#o.clock.wallMs()).toISOString();
    await this.#set(notReadyKey(member), encodeNotReady({ since, by }));
  }

  /** Of one that is gone too, and has no name among the members any more. Failures as above. */
  async makeReady(member: string): Promise<void> {
    this.#mustBeCluster();
    if (this.#o.node.settings.value(notReadyKey(member)) === undefined) await this.#find(member);
    await this.#set(notReadyKey(member), null);
  }

  async level(): Promise<LevelReport> {
    const members = await this.#status();
    const { required, known, levels } = this.#level;
    return {
      level: required,
      known,
      members: members.map(({ name, version, level }) => ({ name, version, level })),
      next: levels.filter(({ level }) => level > required),
    };
  }

  /**
   * Gives the members that are gone and know less: they will not be let in when they come back. Failure 'refused' with who is
   * in the way; the controller looks once more.
   */
  async raiseLevel(wanted: number): Promise<readonly string[]> {
    const members = await this.#status();
    const refused = this.#level.refuseRaise(wanted, members);
    if (refused !== undefined) throw new Failure('refused', refused);
    if (wanted > this.#level.required) await this.#set(LEVEL_KEY, Buffer.from(String(wanted)));
    return members.filter(({ level }) => level < wanted).map(({ name }) => name);
  }

  async #find(name: string): Promise<MemberStatus> {
    const members = await this.#status();
    const found = members.find((each) => each.name === name);
    if (found === undefined)
      throw new Failure(
        'not-found',
        `there is no member ${name}; there are ${members.map((each) => each.name).join(', ')}`,
      );
    return found;
  }

  async #status(): Promise<readonly MemberStatus[]> {
    this.#mustBeCluster();
    const { node } = this.#o;
    // What is decided must not rest on old news.
    if (!(await node.refreshStatus(REFRESH_MS)))
      throw new Failure('unavailable', 'the controller does not answer at the moment');
    return node.status().toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #set(key: string, value: Buffer | null): Promise<void> {
    const request = this.#o.random.bytes(REQUEST_OCTETS).toString('hex');
    const change = { kind: 'setValue', key, value, request } as const;
    await this.#o.node.changeSettings(change, { timeoutMs: CHANGE_MS });
  }

  #mustBeCluster(): void {
    if (!this.#o.clustered) throw new Failure('invalid', 'this member stands alone: there is no cluster');
  }
}

function lineOf(status: MemberStatus): MemberLine {
  const { name, role, state, isController, draining, notReady, slots, version, level, refusal } = status;
  const connections = connectionsOf(status);
  return {
    name,
    role,
    state,
    isController,
    draining,
    notReady,
    slots,
    connections,
    version,
    level,
    refusal,
  };
}

/** Of clients, over all its workers; undefined when one of them does not say. */
export function connectionsOf({ workers }: Pick<MemberStatus, 'workers'>): number | undefined {
  return workers.reduce<number | undefined>(
    (sum, { connections }) =>
      sum === undefined || connections === undefined ? undefined : sum + connections,
    0,
  );
}
