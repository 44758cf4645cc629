/**
 * What a log-in name means. `name@domain` is an account. A name without a domain is an account of the domain that has the
 * address which the client called, when there is one (docs/doors.md), and else a server administrator of the cluster
 * settings (docs/architecture.md, section 2).
 */
import { createHash } from 'node:crypto';
import { localPart } from '../directory/address.ts';
import type { Names } from '../directory/names.ts';
import type { DomainId, ObjectId, Slot } from '../store/ids.ts';
import type { Name } from '../store/slot/types.ts';
import { slotOf, slotOfObject } from '../store/slots.ts';
import type { LoginAttempt } from './types.ts';

export type Target =
  /** Without an object the name leads nowhere: its slot's owner is asked all the same, the same way, the same time. */
  | {
      readonly kind: 'account';
      readonly object: ObjectId | undefined;
      readonly name: Name;
      readonly slot: Slot;
    }
  | { readonly kind: 'administrator'; readonly name: string };

/** The domain that has an IP address of ours. */
export type DomainByAddress = (host: string) => string | undefined;

/** Failure 'unavailable' when it cannot be told now. */
export async function locate(
  names: Names,
  domainByAddress: DomainByAddress | undefined,
  login: string,
  { localHost, timeoutMs }: Pick<LoginAttempt, 'localHost' | 'timeoutMs'>,
): Promise<Target> {
  if (login.includes('@')) return account(names, login, timeoutMs);
  const domain = domainByAddress?.(localHost);
  if (domain !== undefined) {
    const target = await account(names, `${login}@${domain}`, timeoutMs);
    if (target.object !== undefined) return target;
  }
  return { kind: 'administrator', name: localPart(login) ?? nobody(login) };
}

async function account(
  names: Names,
  login: string,
  timeoutMs: number,
): Promise<Target & { readonly kind: 'account' }> {
  const name = names.parse(login) ?? { domainId: 0 as DomainId, name: nobody(login) };
  const resolved = await names.resolve(name.domainId, name.name, timeoutMs);
  const object = resolved.kind === 'account' ? resolved.object : undefined;
  const slot = object === undefined ? slotOf(name.domainId, name.name) : slotOfObject(object);
  return { kind: 'account', object, name, slot };
}

/** A name that nobody has, of its own for each log-in name, so that all slots share what leads nowhere. */
export function nobody(login: string): string {
  return `nobody/${createHash('sha256').update(login.toLowerCase()).digest('hex').slice(0, 16)}`;
}
