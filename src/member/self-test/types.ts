/** What a look at the storage finds. */

/** In the order in which they are made. */
export type CheckName =
  /** Type and options of the mount. */
  | 'mount'
  /** The id and marker of a cluster. */
  | 'marker'
  /** A name is created once. */
  | 'exclusive'
  /** A write that is durable when it returns, and a directory that is. */
  | 'durable'
  | 'read-back'
  | 'latency'
  /** Long names and those in other alphabets come back as they were given. */
  | 'names'
  /** What another backend creates is found here by listing. */
  | 'visibility'
  /** Two changes by another backend within one tick of the server's clock are both found: `StorageFence` rests on it. */
  | 'fence';

/** `refused`: a member does not start; `warned`: it does, and somebody should look; `unknown`: it could not be tried. */
export type Verdict = 'fine' | 'unknown' | 'warned' | 'refused';

export interface Finding {
  readonly check: CheckName;
  readonly verdict: Verdict;
  /** What was found, one line. */
  readonly what: string;
  /** What to do, where there is anything to do. */
  readonly next?: string;
}

export function fine(check: CheckName, what: string): Finding {
  return { check, verdict: 'fine', what };
}

export function unknown(check: CheckName, what: string): Finding {
  return { check, verdict: 'unknown', what };
}

export function warned(check: CheckName, what: string, next: string): Finding {
  return { check, verdict: 'warned', what, next };
}

export function refused(check: CheckName, what: string, next: string): Finding {
  return { check, verdict: 'refused', what, next };
}
