/**
 * Make Not-Ready (docs/cluster.md): a cluster setting for each member that is to take nothing new. A setting and no message, so
 * that it holds over restarts of the member and of the controller. That it is there is what counts; what it says is for people.
 */
import { isBackendRole } from './roles.ts';
import type { ClusterSettings, Role } from './types.ts';

export interface NotReady {
  /** UTC, RFC 3339; empty when it does not say. */
  readonly since: string;
  /** Who asked for it. */
  readonly by: string;
}

/** What is kept of names and times. */
const TEXT_LENGTH_MAX = 128;

export function notReadyKey(member: string): string {
  return `member/${member}/not-ready`;
}

export function encodeNotReady({ since, by }: NotReady): Buffer {
  return Buffer.from(JSON.stringify({ since: cut(since), by: cut(by) }));
}

/** Undefined for a member that nobody has made Not-Ready. */
export function notReadyOf(settings: Pick<ClusterSettings, 'value'>, member: string): NotReady | undefined {
  const value = settings.value(notReadyKey(member));
  return value && decodeNotReady(value);
}

/** Made Not-Ready, and one that has slots. It stays a member: what it still has is served, and a settings change waits for it. */
export function givesSlotsAway(
  settings: Pick<ClusterSettings, 'value'>,
  member: string,
  role: Role,
): boolean {
  return isBackendRole(role) && notReadyOf(settings, member) !== undefined;
}

/** Never throws: what makes no sense was written by another version, and meant the same. */
function decodeNotReady(value: Buffer): NotReady {
  let said: unknown;
  try {
    said = JSON.parse(value.toString('utf8'));
  } catch {
    said = undefined;
  }
  const { since, by } = (typeof said === 'object' && said !== null ? said : {}) as {
    readonly since?: unknown;
    readonly by?: unknown;
  };
  return { since: textOf(since), by: textOf(by) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? cut(value) : '';
}

function cut(text: string): string {
  return text.slice(0, TEXT_LENGTH_MAX);
}
