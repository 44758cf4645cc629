/** The argument of BDAT: RFC 3030 section 2. */
export interface BdatCommand {
  /** Octets that follow the command line. */
  readonly octets: number;
  readonly isLast: boolean;
}

/** Undefined when it does not say how many octets follow, so that nobody knows where the next command begins. */
export function parseBdat(argument: string): BdatCommand | undefined {
  const found = /^(\d{1,20})(?: +(LAST))?$/i.exec(argument);
  const octets = Number(found?.[1]);
  return found === null || !Number.isSafeInteger(octets)
    ? undefined
    : { octets, isLast: found[2] !== undefined };
}
