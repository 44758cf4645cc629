/**
 * Flags of a command as a table, and the reader that goes by it: names in any case, values checked, each mistake one line.
 * Pure.
 */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

export interface Flag {
  readonly name: string;
  /** Name of the value in the help; absent for a switch. */
  readonly value?: string;
  /** Bounds of a number. */
  readonly range?: readonly [min: number, max: number];
  readonly default?: string;
  readonly help: string;
}

export interface CommandFlags {
  readonly command: string;
  readonly usage: string;
  readonly help: string;
  readonly flags: readonly Flag[];
}

export interface ReadFlags {
  readonly kind: 'read';
  /** What was given, by the name in the table; a switch has the value ''. */
  readonly given: ReadonlyMap<string, string>;
  /** The same, and the table's default for what was not. */
  readonly values: ReadonlyMap<string, string>;
  readonly words: readonly string[];
}

/** Splits arguments into flags of the table and words. */
export function readFlags(
  command: CommandFlags,
  args: readonly string[],
): ReadFlags | ReturnType<typeof bad> {
  const options: ParseArgsOptionsConfig = {};
  for (const flag of command.flags)
    options[flag.name] = { type: flag.value === undefined ? 'boolean' : 'string' };
  // Not strict: parseArgs' own messages are several sentences long and do not say where the list of flags is.
  const { tokens } = parseArgs({
    args: args.map((each) => canonical(command, each)),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, string>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = command.flags.find((each) => each.name === token.name);
    if (flag === undefined) return bad(`unknown flag ${token.rawName}; postern --help lists the flags`);
    // A switch twice does no harm: Startup.sh and the command line may both say --ClusterBackend.
    if (given.has(flag.name) && flag.value !== undefined) return bad(`--${flag.name} is given twice`);
    const why = checkFlag(flag, token.value, token.inlineValue === true);
    if (why !== undefined) return bad(why);
    given.set(flag.name, token.value ?? '');
  }
  const defaults = command.flags.flatMap(({ name, default: value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return { kind: 'read', given, values: new Map([...defaults, ...given]), words };
}

/** Why a flag's value is not right, or undefined. */
function checkFlag(flag: Flag, value: string | undefined, inline: boolean): string | undefined {
  if (flag.value === undefined) return value === undefined ? undefined : `--${flag.name} takes no value`;
  // A value that looks like a flag is a forgotten value; `--base=-x` says that it is meant.
  if (value === undefined || value === '' || (value.startsWith('--') && !inline))
    return `--${flag.name} needs a value: --${flag.name} ${flag.value}`;
  if (flag.range === undefined) return undefined;
  const [min, max] = flag.range;
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  return number >= min && number <= max
    ? undefined
    : `--${flag.name} ${value}: give a whole number from ${min} to ${max}`;
}

/** `--base=x` as `--Base=x` where that is how the table spells it. */
function canonical(command: CommandFlags, arg: string): string {
  if (!arg.startsWith('--')) return arg;
  const equals = arg.indexOf('=');
  const name = arg.slice(2, equals < 0 ? undefined : equals);
  const flag = command.flags.find((each) => each.name.toLowerCase() === name.toLowerCase());
  return flag === undefined ? arg : `--${flag.name}${equals < 0 ? '' : arg.slice(equals)}`;
}

/** A mistake of who typed it. */
export function bad(why: string): { readonly kind: 'bad'; readonly why: string } {
  return { kind: 'bad', why };
}
