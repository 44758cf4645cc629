/** Commands that touch no mailbox: CAPABILITY, NOOP, CHECK, NAMESPACE, ID, ENABLE. */
import { capabilitiesAfterLogin, ENABLEABLE } from '../capabilities.ts';
import { type CommandOf, OK, type Rule } from './outcome.ts';

export const capability: Rule<CommandOf<'CAPABILITY'>> = {
  tells: 'all',
  run(session) {
    session.output.line(`* CAPABILITY ${capabilitiesAfterLogin(session.appendOctetsMax).join(' ')}`);
    return OK();
  },
};

/** NOOP and CHECK: the changes told at the end are all they do; everything is durable already. */
export const noop: Rule<CommandOf<'NOOP'>> = { tells: 'all', run: () => OK() };

export const check: Rule<CommandOf<'CHECK'>> = { selected: true, tells: 'all', run: () => OK() };

/** RFC 2342: one personal namespace, separator `/`. */
export const namespace: Rule<CommandOf<'NAMESPACE'>> = {
  tells: 'all',
  run(session) {
    session.output.line('* NAMESPACE (("" "/")) NIL NIL');
    return OK();
  },
};

/** RFC 2971. No version: it would help an attacker more than a client. */
export const id: Rule<CommandOf<'ID'>> = {
  tells: 'all',
  run(session) {
    session.output.line('* ID ("name" "Postern")');
    return OK();
  },
};

/** RFC 5161 section 3.1. */
export const enable: Rule<CommandOf<'ENABLE'>> = {
  tells: 'all',
  run(session, { capabilities }) {
    const now = capabilities.filter((name) => ENABLEABLE.has(name) && !session.enabled.has(name));
    for (const name of now) session.enabled.add(name);
    session.output.line(['* ENABLED', ...now].join(' '));
    return OK();
  },
};
