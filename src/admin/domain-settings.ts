/**
 * The commands on settings of a domain. As in the field, SET replaces all explicit settings and UPDATE only those that are
 * given; the value `default` removes one. A private key is taken and never given.
 */
import type { DomainRecord } from '../cluster/types.ts';
import type { Dictionary } from '../lib/dictionary/value.ts';
import { DecodeError } from '../lib/encoder.ts';
import { Failure } from '../lib/failure.ts';
import {
  decodeDomainSettings,
  domainSettingNames,
  effectiveSettings,
  shownSettings,
} from '../settings/domain-settings.ts';
import type { Call, Command } from './command.ts';
import { dictionary, optionalWord } from './grammar.ts';
import { readDomainOrMain } from './names.ts';
import { Refusal } from './types.ts';

export const DOMAIN_SETTINGS_COMMANDS = {
  GETDOMAINSETTINGS: {
    parts: [optionalWord('domain')],
    right: 'Master',
    help: 'explicit settings of a domain, a dictionary; a private key is shown as hidden',
    run: async (call) => shownSettings(stored(call)),
  },
  GETDOMAINEFFECTIVESETTINGS: {
    parts: [optionalWord('domain')],
    right: 'Master',
    help: 'settings of a domain, explicit ones and defaults, a dictionary',
    run: async (call) => effectiveSettings(stored(call)),
  },
  SETDOMAINSETTINGS: {
    parts: [optionalWord('domain'), dictionary('settings')],
    right: 'Master',
    help: 'replace all explicit settings of a domain; those that are not given go back to their defaults',
    run: (call) => change(call, true),
  },
  UPDATEDOMAINSETTINGS: {
    parts: [optionalWord('domain'), dictionary('settings')],
    right: 'Master',
    help: `change the given settings of a domain, the others stay; the value default removes one; there are ${domainSettingNames()}`,
    run: (call) => change(call, false),
  },
} as const satisfies Record<string, Command>;

function domainOf({ admin, args }: Call): DomainRecord {
  return readDomainOrMain(admin, args.optionalText('domain'));
}

function stored(call: Call): Dictionary {
  const { name, settings } = domainOf(call);
  try {
    return decodeDomainSettings(settings);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new Refusal('failed', `the settings of ${name} cannot be read by this version`, { cause });
  }
}

async function change(call: Call, replace: boolean): Promise<undefined> {
  const { name } = domainOf(call);
  await call.admin
    .changeDomainSettings(name, call.args.dictionary('settings'), { replace })
    .catch((error: unknown) => {
      // Deleted since we looked.
      if (error instanceof Failure && error.code === 'not-found')
        throw new Refusal('unknown-domain', 'unknown secondary domain name', { cause: error });
      // A setting with too much in it is given with less, not tried again.
      if (error instanceof Failure && error.code === 'limit')
        throw new Refusal('invalid', error.message, { cause: error });
      throw error;
    });
  return undefined;
}
