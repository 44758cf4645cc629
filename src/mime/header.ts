/**
 * Header fields of a message or part (RFC 5322 section 2.2), by offsets into the header's octets: nothing is changed, so
 * that HEADER.FIELDS gives exact octets. Lines may end with CRLF or LF. A line that is no field and no continuation
 * belongs to no field; it ends the field before it.
 */
const LF = 0x0a;
const CR = 0x0d;
const NUL = 0;

export interface HeaderField {
  /** Lower case. */
  readonly name: string;
  /** The field with its folded lines and line ends: octets `from` to `to`. */
  readonly from: number;
  readonly to: number;
  /** Where the value begins, behind the colon. */
  readonly valueFrom: number;
}

/** The fields in order, up to the blank line or the end. */
export function headerFields(header: Buffer): readonly HeaderField[] {
  const fields: { name: string; from: number; to: number; valueFrom: number }[] = [];
  let current: { to: number } | undefined;
  for (let from = 0; from < header.length; ) {
    const lf = header.indexOf(LF, from);
    const to = lf < 0 ? header.length : lf + 1;
    if (isBlank(header, from, to)) break;
    if (isWhite(header[from])) {
      if (current !== undefined) current.to = to;
    } else {
      const field = fieldAt(header, from, to);
      if (field !== undefined) fields.push(field);
      current = field;
    }
    from = to;
  }
  return fields;
}

/**
 * The value of a field on one line: line ends removed, white space at both ends too (RFC 5322 section 2.2.3). NUL is
 * removed with them: no IMAP string can hold it.
 */
export function unfold(value: Buffer): Buffer {
  let from = 0;
  let to = value.length;
  while (from < to && isSpaceOrEnd(value[from])) from++;
  while (to > from && isSpaceOrEnd(value[to - 1])) to--;
  const trimmed = value.subarray(from, to);
  if (![LF, CR, NUL].some((octet) => trimmed.includes(octet))) return trimmed;
  return Buffer.from(trimmed.filter((octet) => octet !== CR && octet !== LF && octet !== NUL));
}

/** RFC 5322 section 2.2: a name of printable ASCII without colon; section 4.5.8: obsolete white space before the colon. */
function fieldAt(header: Buffer, from: number, to: number) {
  let nameTo = from;
  while (nameTo < to && header[nameTo]! > 0x20 && header[nameTo]! < 0x7f && header[nameTo] !== 0x3a) nameTo++;
  let colon = nameTo;
  while (colon < to && isWhite(header[colon])) colon++;
  if (nameTo === from || header[colon] !== 0x3a) return undefined;
  const name = header.toString('latin1', from, nameTo).toLowerCase();
  return { name, from, to, valueFrom: colon + 1 };
}

function isBlank(header: Buffer, from: number, to: number): boolean {
  return header[from] === LF || (header[from] === CR && header[from + 1] === LF && to === from + 2);
}

function isWhite(octet: number | undefined): boolean {
  return octet === 0x20 || octet === 0x09;
}

function isSpaceOrEnd(octet: number | undefined): boolean {
  return isWhite(octet) || octet === CR || octet === LF;
}
