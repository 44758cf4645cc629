/** The message of SASL PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`, UTF-8. Undefined when it is none. */
export interface Plain {
  readonly authzid: string;
  readonly authcid: string;
  readonly password: string;
}

export function readPlain(message: Buffer): Plain | undefined {
  const parts = message.toString('utf8').split('\0');
  const [authzid, authcid, password] = parts;
  if (parts.length !== 3 || !authcid || !password || authzid === undefined) return undefined;
  return { authzid, authcid, password };
}
