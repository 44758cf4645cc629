/** Messages that have been hard on mail programs: broken, odd, or just within the rules. `\n` stands for CRLF. */
import { DEPTH_MAX } from '../../src/mime/limits.ts';

export interface Sample {
  readonly name: string;
  readonly octets: Buffer;
  /** BODYSTRUCTURE without extension data (BODY), as `bodyStructure` writes it. */
  readonly body: string;
}

function sample(name: string, text: string, body: string): Sample {
  return { name, octets: crlf(text), body };
}

export function crlf(text: string): Buffer {
  return Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
}

const PLAIN = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit"';

export const CORPUS: readonly Sample[] = [
  sample('plain text', 'Subject: x\n\nhello\nworld\n', `${PLAIN} 14 2)`),
  sample('nothing at all', '', `${PLAIN} 0 0)`),
  sample('a blank line only', '\n', `${PLAIN} 0 0)`),
  sample('a header without body', 'Subject: x\n', `${PLAIN} 0 0)`),
  sample('no header', '\nhello\n', `${PLAIN} 7 1)`),
  sample('no line end at the end', 'A: b\n\nhello', `${PLAIN} 5 0)`),
  sample(
    'RFC 2046 section 5.1.1: the CRLF before a delimiter belongs to the delimiter',
    'Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\none\n--b\nContent-Type: text/html\n\n<two>\n\n--b--\nepilogue\n',
    `(${PLAIN} 3 0)("text" "html" NIL NIL NIL "7bit" 7 1) "mixed")`,
  ),
  sample(
    'missing end delimiter',
    'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\none\n',
    `(${PLAIN} 5 1) "mixed")`,
  ),
  sample(
    'an outer delimiter ends inner parts',
    'Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/alternative; boundary=in\n\n--in\n\none\n--out\n\ntwo\n--out--\n',
    `((${PLAIN} 3 0) "alternative")${PLAIN} 3 0) "mixed")`,
  ),
  sample(
    'one boundary begins with another',
    'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--\n',
    `((${PLAIN} 3 0) "mixed")${PLAIN} 3 0) "mixed")`,
  ),
  sample(
    'white space behind a delimiter is allowed, anything else is not',
    'Content-Type: multipart/mixed; boundary=b\n\n--b \t\n\none\n--bx\n--b--x\n--b-- \n',
    `(${PLAIN} 17 2) "mixed")`,
  ),
  sample('multipart without a boundary', 'Content-Type: multipart/mixed\n\n--\nx\n', `${PLAIN} 7 2)`),
  sample(
    'multipart without a delimiter',
    'Content-Type: multipart/mixed; boundary=b\n\nx\n',
    '(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) "mixed")',
  ),
  sample(
    'a part cut off in its header',
    'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n--b--\n',
    '(("image" "png" NIL NIL NIL "7bit" 0) "mixed")',
  ),
  sample(
    'RFC 2046 section 5.2.1: a message in a message',
    'Content-Type: message/rfc822\n\nSubject: in\nFrom: a@b\n\nhi\n',
    `("message" "rfc822" NIL NIL NIL "7bit" 30 (NIL "in" ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL) ${PLAIN} 4 1) 4)`,
  ),
  sample(
    'RFC 2046 section 5.1.5: parts of a digest are messages',
    'Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\n1\n--b--\n',
    `(("message" "rfc822" NIL NIL NIL "7bit" 17 (NIL "one" NIL NIL NIL NIL NIL NIL NIL NIL) ${PLAIN} 1 0) 2) "digest")`,
  ),
  sample(
    'RFC 2046 section 5.2.1: an encoded message cannot be looked into',
    'Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAoKeAo=\n',
    '("application" "octet-stream" NIL NIL NIL "base64" 22)',
  ),
  sample(
    'RFC 2231: parameters are given as they stand',
    `Content-Type: application/x; name*0*=utf-8''%e2%82; name*1*=%ac; a="q\\"(c)" ; b = c (comment)\n\n`,
    `("application" "x" ("name*0*" "utf-8''%e2%82" "name*1*" "%ac" "a" "q\\"(c)" "b" "c") NIL NIL "7bit" 0)`,
  ),
  sample(
    'RFC 2045 section 5.2: a broken Content-Type means text/plain',
    'Content-Type: text\n\nx\n',
    `${PLAIN} 3 1)`,
  ),
  sample(
    'missing semicolon and stray ones',
    'Content-Type: text/html charset=x;; =; name=a b\n\n',
    '("text" "html" ("charset" "x" "name" "a") NIL NIL "7bit" 0 0)',
  ),
  sample(
    'folded and obsolete header lines, junk between them',
    'From here\nContent-Type :\n text/plain;\n\tcharset=utf-8\n \nnot a field\nContent-Description:\n a\n b\n\nx\n',
    '("text" "plain" ("charset" "utf-8") NIL "a b" "7bit" 3 1)',
  ),
  sample(
    '8-bit in a header and in a parameter',
    'Content-Type: text/plain; name="\xfc"\nContent-Description: \xe9\n\n',
    '("text" "plain" ("name" {1}\r\n\xfc) NIL {1}\r\n\xe9 "7bit" 0 0)',
  ),
  sample(
    'the blank line of a message without body may be the line end before the delimiter',
    'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: x\n\n--b--\n',
    `(("message" "rfc822" NIL NIL NIL "7bit" 12 (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL) ${PLAIN} 0 0) 1) "mixed")`,
  ),
  sample(
    'a message type that ends in its header',
    'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n--b--\n',
    `(("message" "rfc822" NIL NIL NIL "7bit" 0 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ${PLAIN} 0 0) 0) "mixed")`,
  ),
];

/** Multiparts in multiparts, more than the limit. */
export function deep(levels: number = DEPTH_MAX + 50): Buffer {
  let text = '';
  for (let level = 0; level < levels; level++)
    text += `Content-Type: multipart/mixed; boundary=b${level}\n\n--b${level}\n`;
  return crlf(`${text}\nend\n`);
}

/** Messages in messages, more than the limit. */
export function deepMessages(levels: number = DEPTH_MAX + 50): Buffer {
  return crlf(`${'Content-Type: message/rfc822\n\n'.repeat(levels)}end\n`);
}

/** One multipart with this many small parts. */
export function wide(parts: number): Buffer {
  return crlf(`Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(parts)}--b--\n`);
}
