/** The commands on domains. */
import { Failure } from '../lib/failure.ts';
import type { Command } from './command.ts';
import { flag, optionalDictionary, word } from './grammar.ts';
import { readDomain, readDomainName } from './names.ts';
import { Refusal } from './types.ts';

export const DOMAIN_COMMANDS = {
  LISTDOMAINS: {
    parts: [],
    right: 'Master',
    help: 'names of all domains, an array',
    run: async ({ admin }) => admin.settings.domains().map((domain) => domain.name),
  },
  MAINDOMAINNAME: {
    parts: [],
    right: 'anybody',
    help: 'the domain of names without @',
    run: async ({ admin }) => admin.mainDomain ?? '',
  },
  CREATEDOMAIN: {
    parts: [word('domain'), flag('SHARED'), optionalDictionary('settings')],
    right: 'Master',
    help: 'make a domain; SHARED: of the whole cluster; settings as for UPDATEDOMAINSETTINGS',
    run: async ({ admin, args }) => {
      const name = readDomainName(args.text('domain'));
      // Without the keyword it would be this member's alone, and lost with it; no domain but the main one is that.
      if (admin.clustered && !args.has('SHARED'))
        throw new Refusal(
          'invalid',
          `this is a cluster, where a new domain is shared: CREATEDOMAIN ${name} SHARED`,
        );
      await admin.createDomain(name, {
        shared: args.has('SHARED'),
        settings: args.dictionary('settings'),
      });
      return undefined;
    },
  },
  DELETEDOMAIN: {
    parts: [word('domain'), flag('FORCE')],
    right: 'Master',
    help: 'remove a domain; FORCE: with its accounts',
    run: async ({ admin, args }) => {
      const { name } = readDomain(admin, args.text('domain'));
      const force = args.has('FORCE');
      await admin.deleteDomain(name, { force }).catch((error: unknown) => {
        if (force || !(error instanceof Failure) || error.code !== 'refused') throw error;
        const message = `${error.message}; to remove it with its accounts: DELETEDOMAIN ${name} FORCE`;
        throw new Refusal('failed', message, { cause: error });
      });
      return undefined;
    },
  },
} as const satisfies Record<string, Command>;
