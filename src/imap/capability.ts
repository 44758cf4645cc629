/** What a row of any table, a command, an item of FETCH, a key of SEARCH, adds to the capability line. */

/** What a connection offers before log-in. */
export interface Offer {
  /** STARTTLS can be asked for: there is a certificate, and no TLS yet. */
  readonly startTls: boolean;
  /** SASL mechanisms, strongest first. */
  readonly mechanisms: readonly string[];
  /** RFC 3501 section 6.2.3: without it LOGINDISABLED, so that no client sends its password. */
  readonly passwordsAllowed: boolean;
}

/** What holds for everybody who is logged in. */
export interface Limits {
  readonly appendOctetsMax: number;
}

export interface Capabilities {
  /** Said before log-in and after it. */
  readonly always?: readonly string[];
  readonly beforeLogin?: (offer: Offer) => readonly string[];
  /** Said after log-in only. */
  readonly afterLogin?: readonly string[] | ((limits: Limits) => readonly string[]);
}
