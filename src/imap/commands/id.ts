/** ID (RFC 2971). No version in the answer: it would help an attacker more than a client. */
import { SyntaxProblem } from '../codec/reader.ts';
import { OK } from './outcome.ts';
import { ALWAYS, type CommandSpec } from './types.ts';

export interface IdCommand {
  readonly name: 'ID';
  /** Undefined for NIL. Field names in lower case. */
  readonly fields: ReadonlyMap<string, string | undefined> | undefined;
}

/** RFC 2971 section 3.3: at most 30 pairs, names of at most 30 octets, values of at most 1024. */
const PAIRS_MAX = 30;
const FIELD_OCTETS_MAX = 30;
const VALUE_OCTETS_MAX = 1024;

const ANSWER = '* ID ("name" "Postern")';

export const id: CommandSpec<IdCommand> = {
  name: 'ID',
  phases: ALWAYS,
  capabilities: { always: ['ID'] },
  repeat: 'safe',
  tells: 'all',

  /** id = "ID" SP ("(" [string SP nstring *(SP string SP nstring)] ")" / "NIL") */
  parse(reader) {
    reader.space();
    if (reader.acceptKeyword('NIL')) return { name: 'ID', fields: undefined };
    const fields = new Map<string, string | undefined>();
    reader.list(() => {
      const name = reader.text(reader.string());
      reader.space();
      const value = reader.nstring();
      if (name.length > FIELD_OCTETS_MAX || (value?.length ?? 0) > VALUE_OCTETS_MAX)
        throw new SyntaxProblem('ID field too long');
      fields.set(name.toLowerCase(), value === undefined ? undefined : reader.text(value));
      if (fields.size > PAIRS_MAX) throw new SyntaxProblem('too many ID fields');
    });
    return { name: 'ID', fields };
  },

  async atDoor(door, tag) {
    await door.line(ANSWER);
    return door.ok(tag);
  },

  run(session) {
    session.output.line(ANSWER);
    return OK();
  },
};
