/** LIST (RFC 9051 section 6.3.9, RFC 5258, RFC 6154, RFC 5819) and LSUB (RFC 3501 section 6.3.9). */
import type { Mailbox } from '../../store/account/types.ts';
import type { ListCommand, ListReturnOption } from '../codec/types.ts';
import type { Session } from '../session/session.ts';
import { mailboxName } from './names.ts';
import { type CommandOf, OK, type Rule } from './outcome.ts';
import { statusLine } from './status.ts';

export const list: Rule<ListCommand> = {
  tells: 'all',
  run(session, command) {
    // RFC 9051 section 6.3.9: an empty pattern asks for the separator.
    if (!command.extended && command.patterns[0] === '') {
      session.output.line('* LIST (\\Noselect) "/" ""');
      return OK();
    }
    const patterns = command.patterns.map((pattern) => compile(command.reference + pattern));
    for (const entry of entries(session)) {
      if (!patterns.some((matches) => matches(entry.name))) continue;
      const answer = select(session, command, entry);
      if (answer === undefined) continue;
      session.output.line(
        `* LIST (${answer.attributes.join(' ')}) "/" ${mailboxName(session, entry.name)}${answer.extended}`,
      );
      if (command.status.length > 0 && entry.mailbox?.selectable)
        statusLine(session, entry.mailbox, command.status);
    }
    return OK();
  },
};

export const lsub: Rule<CommandOf<'LSUB'>> = {
  tells: 'all',
  run(session, command) {
    const matches = compile(command.reference + command.pattern);
    const shown = new Set<string>();
    for (const name of session.account.subscriptions()) {
      if (matches(name)) shown.add(name);
      // RFC 3501 section 6.3.9: with %, a parent of a subscribed name is shown in its place, as \Noselect.
      else for (const parent of parents(name)) if (matches(parent)) shown.add(parent);
    }
    for (const name of [...shown].sort()) {
      const attributes = session.account.isSubscribed(name) ? '' : '\\Noselect';
      session.output.line(`* LSUB (${attributes}) "/" ${mailboxName(session, name)}`);
    }
    return OK();
  },
};

/** A name that LIST may show: a mailbox, or a subscription to none (RFC 5258 section 3.4). */
interface Entry {
  readonly name: string;
  readonly mailbox: Mailbox | undefined;
  readonly subscribed: boolean;
  readonly hasChildren: boolean;
  readonly hasSubscribedChildren: boolean;
}

function entries(session: Session): Entry[] {
  const { account } = session;
  const mailboxes = new Map(account.mailboxes().map((mailbox) => [mailbox.name, mailbox]));
  const subscribed = new Set(account.subscriptions());
  const names = [...new Set([...mailboxes.keys(), ...subscribed])].sort();
  const withChildren = new Set([...mailboxes.keys()].flatMap(parents));
  const withSubscribedChildren = new Set([...subscribed].flatMap(parents));
  return names.map((name) => ({
    name,
    mailbox: mailboxes.get(name),
    subscribed: subscribed.has(name),
    hasChildren: withChildren.has(name),
    hasSubscribedChildren: withSubscribedChildren.has(name),
  }));
}

function select(
  session: Session,
  command: ListCommand,
  entry: Entry,
): { attributes: string[]; extended: string } | undefined {
  const { selection } = command;
  const { mailbox } = entry;
  const returns = (option: ListReturnOption): boolean =>
    command.returns.has(option) || (!command.extended && option !== 'SUBSCRIBED');
  const bySubscription = selection.has('SUBSCRIBED');
  const childInfo = bySubscription && selection.has('RECURSIVEMATCH') && entry.hasSubscribedChildren;
  if (bySubscription ? !entry.subscribed && !childInfo : mailbox === undefined) return undefined;
  if (selection.has('SPECIAL-USE') && mailbox?.specialUse === undefined) return undefined;
  const attributes: string[] = [];
  if (mailbox === undefined) attributes.push('\\NonExistent');
  else if (!mailbox.selectable) attributes.push('\\Noselect');
  if (entry.subscribed && (bySubscription || returns('SUBSCRIBED'))) attributes.push('\\Subscribed');
  if (mailbox !== undefined && (returns('CHILDREN') || !command.extended))
    attributes.push(entry.hasChildren ? '\\HasChildren' : '\\HasNoChildren');
  if (mailbox?.specialUse !== undefined && (returns('SPECIAL-USE') || selection.has('SPECIAL-USE')))
    attributes.push(mailbox.specialUse);
  return { attributes, extended: childInfo ? ' ("CHILDINFO" ("SUBSCRIBED"))' : '' };
}

function parents(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, count) => parts.slice(0, count + 1).join('/'));
}

/** `*` matches everything, `%` everything but the separator. Linear in name times stars, without recursion. */
function compile(pattern: string): (name: string) => boolean {
  const wanted = pattern.replace(/^inbox(?=$|\/)/i, 'INBOX');
  const parts = wanted.replace(/[*%]*\*[*%]*/g, '*').replace(/%+/g, '%');
  return (name) => {
    // Set of places in the pattern that the name so far can have reached.
    let reached = closure(parts, new Set([0]));
    for (const char of name) {
      const next = new Set<number>();
      for (const at of reached) {
        const wish = parts[at];
        if (wish === '*' || (wish === '%' && char !== '/')) next.add(at);
        else if (wish === char) next.add(at + 1);
      }
      reached = closure(parts, next);
      if (reached.size === 0) return false;
    }
    return reached.has(parts.length);
  };
}

/** Wildcards match nothing too. */
function closure(parts: string, places: Set<number>): Set<number> {
  for (const at of places) if (parts[at] === '*' || parts[at] === '%') places.add(at + 1);
  return places;
}
