/** What the listener has to know of a message's header (RFC 5322 section 2.2): how long it is, and a few fields of it. */
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;

export interface HeaderFacts {
  /** With the blank line that ends it; that of the whole text where there is none. */
  readonly octets: number;
  readonly receivedFields: number;
  readonly hasDate: boolean;
  readonly hasMessageId: boolean;
}

/** `content` is the beginning of a message: all of it, or more than a header may have. */
export function inspectHeader(content: Buffer): HeaderFacts {
  let receivedFields = 0;
  let hasDate = false;
  let hasMessageId = false;
  let at = 0;
  while (at < content.length && !isBlank(content, at)) {
    if (isField(content, at, 'received')) receivedFields++;
    else if (isField(content, at, 'date')) hasDate = true;
    else if (isField(content, at, 'message-id')) hasMessageId = true;
    const lf = content.indexOf(LF, at);
    at = lf < 0 ? content.length : lf + 1;
  }
  const octets = Math.min(content.length, at + (content[at] === CR ? 2 : 1));
  return { octets, receivedFields, hasDate, hasMessageId };
}

/** Lines of BINARYMIME content may end in LF alone. */
function isBlank(content: Buffer, at: number): boolean {
  return content[at] === LF || (content[at] === CR && content[at + 1] === LF);
}

/** White space before the colon is obsolete and still read (RFC 5322 section 4.5). */
function isField(content: Buffer, at: number, name: string): boolean {
  // The first letter, in either case, tells most fields apart.
  if ((content[at]! | 0x20) !== name.charCodeAt(0)) return false;
  if (content.toString('latin1', at, at + name.length).toLowerCase() !== name) return false;
  let colon = at + name.length;
  while (content[colon] === SPACE || content[colon] === TAB) colon++;
  return content[colon] === COLON;
}
