/** The structure of a message: parts by offsets into its octets. Made by the scanner; plain data, so it can be cached. */
import type { ContentType, Disposition } from './parameters.ts';

export interface Part {
  /** First octet of the header. */
  readonly headerFrom: number;
  /** First octet of the body, behind the blank line; `to` when there is none. */
  readonly bodyFrom: number;
  /** Behind the last octet of the body; the line end before a delimiter is the delimiter's (RFC 2046 section 5.1.1). */
  readonly to: number;
  /** The header ends with a blank line. */
  readonly hasBlankLine: boolean;
  /** Line ends in the body. */
  readonly lines: number;
  /** The type that this part is served as: multipart only with a boundary, message/rfc822 only when it can be read. */
  readonly content: ContentType;
  /** Fields that ENVELOPE and BODYSTRUCTURE need, by name in lower case, unfolded, in order. */
  readonly fields: ReadonlyMap<string, readonly Buffer[]>;
  readonly disposition: Disposition | undefined;
  /** Parts of a multipart; may be empty when no delimiter was found. */
  readonly parts: readonly Part[];
  /** The message in a message/rfc822 or message/global. */
  readonly message: Part | undefined;
}

export function isMultipart(part: Part): boolean {
  return part.content.type.toLowerCase() === 'multipart';
}

/** The first field of this name. */
export function field(part: Pick<Part, 'fields'>, name: string): Buffer | undefined {
  return part.fields.get(name)?.[0];
}
