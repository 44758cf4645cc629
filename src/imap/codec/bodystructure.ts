/**
 * BODY and BODYSTRUCTURE (RFC 9051 section 7.5.2, section 9: body). The recursion is as deep as the scanner lets parts be.
 * Names are written as the message has them; they are compared without case (RFC 2045 section 5.1).
 */
import { envelopeOf } from '../../mime/envelope.ts';
import type { Disposition, Parameter } from '../../mime/parameters.ts';
import { parseDisposition, parseWords } from '../../mime/parameters.ts';
import type { Part } from '../../mime/part.ts';
import { field, isMultipart } from '../../mime/part.ts';
import { envelope } from './envelope.ts';
import type { Piece, WriteContext } from './write.ts';
import { append, list, nstring, string } from './write.ts';

/** Stands for the parts of a multipart that has none: the grammar wants at least one (body-type-mpart). */
const EMPTY_TEXT = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)';
const EMPTY_TEXT_EXTENDED = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)';

/** `extended` for BODYSTRUCTURE; BODY has no extension data. */
export function bodyStructure(part: Part, extended: boolean, context: WriteContext): readonly Piece[] {
  const pieces: Piece[] = [];
  body(pieces, part, extended, context);
  return pieces;
}

function body(pieces: Piece[], part: Part, extended: boolean, context: WriteContext): void {
  if (isMultipart(part)) multipart(pieces, part, extended, context);
  else single(pieces, part, extended, context);
}

/** body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart] */
function multipart(pieces: Piece[], part: Part, extended: boolean, context: WriteContext): void {
  pieces.push('(');
  for (const child of part.parts) body(pieces, child, extended, context);
  if (part.parts.length === 0) pieces.push(extended ? EMPTY_TEXT_EXTENDED : EMPTY_TEXT);
  pieces.push(' ', ...octetString(part.content.subtype, context));
  if (extended) {
    pieces.push(' ');
    append(pieces, parameters(part.content.parameters, context));
    append(pieces, extension(part, context));
  }
  pieces.push(')');
}

/** body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part] */
function single(pieces: Piece[], part: Part, extended: boolean, context: WriteContext): void {
  const { content, message } = part;
  pieces.push('(', ...octetString(content.type, context));
  pieces.push(' ', ...octetString(content.subtype, context), ' ');
  append(pieces, parameters(content.parameters, context));
  pieces.push(' ', ...nstring(field(part, 'content-id'), context));
  pieces.push(' ', ...nstring(field(part, 'content-description'), context));
  pieces.push(' ', ...octetString(encodingOf(part), context));
  pieces.push(` ${part.to - part.bodyFrom}`);
  if (message !== undefined) {
    pieces.push(' ');
    append(pieces, envelope(envelopeOf(message), context));
    pieces.push(' ');
    body(pieces, message, extended, context);
  }
  if (message !== undefined || content.type.toLowerCase() === 'text') pieces.push(` ${part.lines}`);
  if (extended) {
    pieces.push(' ', ...nstring(field(part, 'content-md5'), context));
    append(pieces, extension(part, context));
  }
  pieces.push(')');
}

/** SP body-fld-dsp SP body-fld-lang SP body-fld-loc */
function extension(part: Part, context: WriteContext): readonly Piece[] {
  return [
    ' ',
    ...disposition(part.disposition, context),
    ' ',
    ...language(field(part, 'content-language'), context),
    ' ',
    ...nstring(field(part, 'content-location'), context),
  ];
}

/** body-fld-param */
function parameters(value: readonly Parameter[], context: WriteContext): readonly Piece[] {
  if (value.length === 0) return ['NIL'];
  return list(value.flat().map((text) => octetString(text, context)));
}

/** body-fld-dsp */
function disposition(value: Disposition | undefined, context: WriteContext): readonly Piece[] {
  if (value === undefined) return ['NIL'];
  return list([octetString(value.disposition, context), parameters(value.parameters, context)]);
}

/** body-fld-lang = nstring / "(" string *(SP string) ")" */
function language(value: Buffer | undefined, context: WriteContext): readonly Piece[] {
  const words = value === undefined ? [] : parseWords(value.toString('latin1'));
  return words.length === 0 ? ['NIL'] : list(words.map((word) => octetString(word, context)));
}

/** The token of Content-Transfer-Encoding; without it "7bit" (RFC 2045 section 6.1). */
function encodingOf(part: Part): string {
  const value = field(part, 'content-transfer-encoding');
  // The first token behind comments, which is what a disposition begins with too.
  return (value && parseDisposition(value.toString('latin1'))?.disposition) ?? '7bit';
}

/** A string of one octet a character. */
function octetString(value: string, context: WriteContext): readonly Piece[] {
  return string(Buffer.from(value, 'latin1'), context);
}
