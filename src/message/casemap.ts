/**
 * i;unicode-casemap (RFC 5051), by which text is searched (RFC 9051 section 6.4.4): decomposed, without case. Full case
 * mapping in place of the simple one, so that "ß" equals "SS" too; servers may match more (RFC 9051 section 6.4.4).
 */

/** Normalising reorders marks in time quadratic in their number, so it is given no more characters at a time. */
const RUN = /[^\p{ASCII}]{1,64}/gu;
const ASCII = /^\p{ASCII}*$/u;

export function casemap(text: string): string {
  // ASCII, nearly all there is, goes the fast way.
  return (ASCII.test(text) ? text : text.replace(RUN, (run) => run.normalize('NFKD'))).toUpperCase();
}
