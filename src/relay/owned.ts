/**
 * The owner's side of relayed sessions, of any protocol: takes a frontend's stream, opens the account, and tells the
 * frontend whatever ends the session; the frontend knows what to do about it.
 *
 * A session costs the owner memory in proportion to the mailbox, so one account may have so many at a time: nobody takes
 * the memory of all accounts of a worker by logging in often.
 */
import type { Bus, BusStream } from '../cluster/bus/types.ts';
import { Failure } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Account } from '../store/account/types.ts';
import type { AccountHandle } from '../store/host/types.ts';
import { type ObjectId, objectKey } from '../store/ids.ts';

export interface OwnedOptions<Attach> {
  readonly bus: Pick<Bus, 'onStream'>;
  /** Failure 'moved', 'unavailable', 'not-found'. */
  readonly host: { account(id: ObjectId): Promise<AccountHandle> };
  readonly logger: Logger;
  readonly service: string;
  /** Of one account, each service by itself; one more is Failure 'limit'. SESSIONS_PER_ACCOUNT_MAX when left out. */
  readonly sessionsMax?: number;
  /** Reads what opened the stream. Failure 'invalid'. */
  readonly read: (body: unknown) => Attach & { readonly object: ObjectId };
  /** Serves the session until its frontend ends the stream. */
  readonly run: (attach: Attach, account: Account, stream: BusStream) => Promise<void>;
}

/** More than the programs of one person open together: each opens a handful, and a mailbox may be a team's. */
export const SESSIONS_PER_ACCOUNT_MAX = 50;

export function serveOwned<Attach>(options: OwnedOptions<Attach>): void {
  const sessions = new Sessions(options.sessionsMax ?? SESSIONS_PER_ACCOUNT_MAX);
  options.bus.onStream(options.service, (body, stream) => void serve(options, sessions, body, stream));
}

/** How many sessions each account has. */
class Sessions {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Failure 'limit'. */
  enter(object: ObjectId): Disposable {
    const key = objectKey(object);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#max) throw new Failure('limit', 'too many sessions of this account');
    this.#counts.set(key, count + 1);
    return { [Symbol.dispose]: () => this.#leave(key) };
  }

  #leave(key: string): void {
    const left = (this.#counts.get(key) ?? 0) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

/** Never rejects. */
async function serve<Attach>(
  options: OwnedOptions<Attach>,
  sessions: Sessions,
  body: unknown,
  stream: BusStream,
): Promise<void> {
  const { service, logger } = options;
  try {
    const attach = options.read(body);
    using _ = sessions.enter(attach.object);
    using handle = await options.host.account(attach.object);
    const { account } = handle;
    // Nothing more is shown once the account is lost, and an idle frontend must hear of it.
    const onGone = (): void => stream.reset(goneFailure(account.gone));
    account.gone.addEventListener('abort', onGone);
    try {
      account.gone.throwIfAborted();
      await options.run(attach, account, stream);
      stream.end();
    } finally {
      account.gone.removeEventListener('abort', onGone);
    }
  } catch (error) {
    if (stream.closed.aborted) return;
    if (!(error instanceof Failure)) logger.error({ service, err: error }, 'session failed at the owner');
    stream.reset(
      error instanceof Failure ? error : new Failure('unavailable', 'session failed', { cause: error }),
    );
  }
}

function goneFailure(gone: AbortSignal): Failure {
  return gone.reason instanceof Failure
    ? gone.reason
    : new Failure('unavailable', 'the account has moved on');
}
