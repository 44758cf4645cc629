/** What this server can do, in one place: CAPABILITY, its response codes, and ENABLE come from here. */

/** Before log-in; `AUTH=PLAIN` and LOGIN only where a password may cross (RFC 9051 section 6.2.3, LOGINDISABLED). */
export function capabilitiesBeforeLogin(passwordsAllowed: boolean): readonly string[] {
  return [...ALWAYS, ...(passwordsAllowed ? ['AUTH=PLAIN'] : ['LOGINDISABLED'])];
}

export function capabilitiesAfterLogin(appendOctetsMax: number): readonly string[] {
  return [...ALWAYS, ...AFTER_LOGIN, `APPENDLIMIT=${appendOctetsMax}`];
}

const ALWAYS = ['IMAP4rev1', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE'];

const AFTER_LOGIN = [
  'CHILDREN', // RFC 3348
  'CONDSTORE', // RFC 7162
  'CREATE-SPECIAL-USE', // RFC 6154
  'ESEARCH', // RFC 4731
  'IDLE', // RFC 2177
  'LIST-EXTENDED', // RFC 5258
  'LIST-STATUS', // RFC 5819
  'MOVE', // RFC 6851
  'NAMESPACE', // RFC 2342
  'OBJECTID', // RFC 8474
  'SEARCHRES', // RFC 5182
  'SPECIAL-USE', // RFC 6154
  'STATUS=SIZE', // RFC 8438
  'UIDPLUS', // RFC 4315
  'UNSELECT', // RFC 3691
  'UTF8=ACCEPT', // RFC 6855
  'WITHIN', // RFC 5032
];

/** What ENABLE (RFC 5161) switches on; everything else in its list is passed over. */
export const ENABLEABLE: ReadonlySet<string> = new Set(['CONDSTORE', 'UTF8=ACCEPT']);
