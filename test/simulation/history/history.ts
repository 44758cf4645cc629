/**
 * What clients asked for and were told of account operations: one entry an operation, with the times of its question and
 * its answer by the world's clock. An answer that promises nothing (none came, or a temporary error) leaves the operation
 * open: it may be done at any time after its question, or never.
 */

export type Operation =
  | { readonly kind: 'create'; readonly name: string }
  | { readonly kind: 'delete'; readonly name: string }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }
  | { readonly kind: 'aliases'; readonly name: string; readonly aliases: readonly string[] }
  | { readonly kind: 'resolve'; readonly name: string }
  | { readonly kind: 'set'; readonly value: string }
  | { readonly kind: 'get'; readonly at: string };

/**
 * `done` with what came of it (the object of a creation or resolution, the value of a setting; null for none); the two
 * refusals that say something of the state; `open`: nothing is known.
 */
export type Outcome =
  | { readonly kind: 'done'; readonly value: string | null }
  | { readonly kind: 'exists' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'open' };

export interface Entry {
  readonly client: string;
  readonly operation: Operation;
  readonly askedMs: number;
  /** Infinity while it is open. */
  answeredMs: number;
  outcome: Outcome;
}

/** Those of one connected group of names, or of one setting; nothing outside has an effect on them. */
export class History {
  readonly subject: string;
  readonly entries: Entry[] = [];

  constructor(subject: string) {
    this.subject = subject;
  }

  /** To be called before the question is sent. */
  asks(client: string, operation: Operation, nowMs: number): Entry {
    const entry: Entry = {
      client,
      operation,
      askedMs: nowMs,
      answeredMs: Number.POSITIVE_INFINITY,
      outcome: { kind: 'open' },
    };
    this.entries.push(entry);
    return entry;
  }

  /** For a person, in the order of the questions. */
  text(): string {
    return this.entries
      .map(({ client, operation, askedMs, answeredMs, outcome }) => {
        const until = answeredMs === Number.POSITIVE_INFINITY ? '…' : answeredMs.toFixed(0);
        return `    ${askedMs.toFixed(0)}-${until} ${client}: ${JSON.stringify(operation)} ${JSON.stringify(outcome)}`;
      })
      .join('\n');
  }
}
