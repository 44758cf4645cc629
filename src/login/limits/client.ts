/**
 * Limits as any member asks for them. A log-in asks the owner of its address once before the password is looked at and
 * tells it once after a wrong one. When that owner cannot be reached in ASK_MS, the log-in goes on without it: losing a
 * backend must not keep people out, and the owner of the account still counts. An administrator has no such owner: while the
 * one of its name cannot be asked, this process counts by itself.
 */
import type { SlotRouter } from '../../cluster/types.ts';
import { isLoopback } from '../../lib/ip.ts';
import type { Clock } from '../../platform/platform.ts';
import type { Slot } from '../../store/ids.ts';
import { AccountLimits, type Admission, type Arrival, type Charge, type Outcome } from './account-limits.ts';
import { addressKey } from './address-key.ts';
import type { AddressStand } from './address-limits.ts';
import { slotOfAddress, slotOfAdministrator } from './slots.ts';
import { readAdmission, readStand } from './wire.ts';

export const ASK_MS = 200;

const FREE: AddressStand = { waitMs: 0, isRefused: false, count: 0 };

export class LimitsClient {
  readonly #router: SlotRouter;
  /** Of administrators whose owner did not answer, and what was charged to these. */
  readonly #own: AccountLimits;
  readonly #ownCharges = new WeakSet<Charge>();

  constructor(router: SlotRouter, clock: Pick<Clock, 'monotonicMs'>) {
    this.#router = router;
    this.#own = new AccountLimits(clock);
  }

  /** What stands against the address of a client. Never rejects. */
  async address(host: string): Promise<AddressStand & { readonly address: string }> {
    const address = addressKey(host);
    // Programs of this machine (webmail, tests) log in for everybody; accounts still count their failures.
    if (isLoopback(host)) return { address, ...FREE };
    const stand = await this.#asked(() =>
      this.#ask(slotOfAddress(address), 'login.address', { address }, readStand),
    );
    return { address, ...(stand ?? FREE) };
  }

  /** Never rejects. `account`: who it was, to pay back for. */
  async noteAddress(host: string, account: string, outcome: 'right' | 'wrong'): Promise<void> {
    if (isLoopback(host)) return;
    const address = addressKey(host);
    const body = { address, account, outcome };
    await this.#asked(() => this.#tell(slotOfAddress(address), 'login.address-note', body));
  }

  /** Whether an administrator's password may be looked at, by its owner's count, else by ours. Never rejects. */
  async administrator(name: string, arrival: Omit<Arrival, 'account'>): Promise<Admission> {
    const body = { ...arrival, name };
    const slot = slotOfAdministrator(name);
    const asked = await this.#asked(() => this.#ask(slot, 'login.administrator', body, readAdmission));
    if (asked !== undefined) return asked;
    const admission = this.#own.admit({ ...arrival, account: name });
    if (admission.kind === 'go') this.#ownCharges.add(admission.charge);
    return admission;
  }

  /** Never rejects. */
  async noteAdministrator(name: string, address: string, charge: Charge, outcome: Outcome): Promise<void> {
    if (this.#ownCharges.delete(charge)) return this.#own.settle({ account: name, address }, charge, outcome);
    const body = { name, address, charge, outcome };
    await this.#asked(() => this.#tell(slotOfAdministrator(name), 'login.administrator-note', body));
  }

  async #ask<T>(
    slot: Slot,
    service: string,
    body: Record<string, unknown>,
    read: (answer: unknown) => T,
  ): Promise<T> {
    return read(await this.#router.call(slot, service, body, { timeoutMs: ASK_MS, repeatable: true }));
  }

  /** Not repeated when the answer was lost: it may have been counted. */
  async #tell(slot: Slot, service: string, body: Record<string, unknown>): Promise<void> {
    await this.#router.call(slot, service, body, { timeoutMs: ASK_MS, repeatable: false });
  }

  /** Undefined when there was no answer, whatever the reason: limits never fail a log-in by failing. */
  async #asked<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch {
      return undefined;
    }
  }
}
