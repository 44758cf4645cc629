/** Trace fields that final delivery adds on top of a message: Return-Path and Received (RFC 5321 section 4.4). */
export interface Trace {
  /** '' for the null reverse-path. */
  readonly reversePath: string;
  readonly forwardPath: string;
  /** What the client called itself. */
  readonly helo: string;
  readonly remoteAddress: string;
  readonly by: string;
  /** `ESMTP`, `LMTP`, `UTF8SMTP` … (RFC 3848). */
  readonly with: string;
  readonly id: string;
  readonly atMs: number;
}

export function traceFields(trace: Trace): Buffer {
  const address = trace.remoteAddress.includes(':') ? `IPv6:${trace.remoteAddress}` : trace.remoteAddress;
  const text =
    `Return-Path: <${trace.reversePath}>\r\n` +
    `Received: from ${token(trace.helo)} ([${address}])\r\n` +
    ` by ${trace.by} with ${trace.with} id ${trace.id}\r\n` +
    ` for <${trace.forwardPath}>; ${dateTime(trace.atMs)}\r\n`;
  return Buffer.from(text);
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** RFC 5322 section 3.3, in UTC. */
export function dateTime(ms: number): string {
  const d = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  return `${DAYS[d.getUTCDay()]}, ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${time} +0000`;
}

/** A client may call itself anything: only what cannot end the field or open a comment is repeated. */
function token(text: string): string {
  return text.replace(/[^A-Za-z0-9.:[\]_-]/g, '?').slice(0, 255);
}
