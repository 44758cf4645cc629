/** The capability line (RFC 3501 section 6.1.1), gathered from the rows of all tables. */
import type { Capabilities, Limits, Offer } from './capability.ts';
import { STATUS_ITEMS, type StatusItemSpec } from './commands/status-items.ts';
import { COMMANDS } from './commands/table.ts';
import { FEATURES } from './features.ts';
import { FETCH_ITEMS } from './fetch/table.ts';
import { SEARCH_KEYS } from './search/table.ts';

export function capabilitiesBeforeLogin(offer: Offer): readonly string[] {
  return [...always(), ...rows().flatMap(({ beforeLogin }) => beforeLogin?.(offer) ?? [])];
}

export function capabilitiesAfterLogin(limits: Limits): readonly string[] {
  const more = rows().flatMap(({ afterLogin }) =>
    typeof afterLogin === 'function' ? afterLogin(limits) : (afterLogin ?? []),
  );
  const features = FEATURES.filter(({ isForAll }) => !isForAll).map(({ name }) => name);
  return [...always(), ...[...features, ...more].sort()];
}

/** `IMAP4rev1` first, where old clients look for it. */
function always(): readonly string[] {
  const features = FEATURES.filter(({ isForAll }) => isForAll).map(({ name }) => name);
  return ['IMAP4rev1', ...features, ...rows().flatMap(({ always: names }) => names ?? [])];
}

function rows(): readonly Capabilities[] {
  const all: readonly { readonly capabilities?: Capabilities }[] = [
    ...COMMANDS,
    ...FETCH_ITEMS,
    ...Object.values<StatusItemSpec>(STATUS_ITEMS),
    ...SEARCH_KEYS,
  ];
  return all.flatMap(({ capabilities }) => capabilities ?? []);
}
