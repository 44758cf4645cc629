/**
 * Whether what a client showed fits a credentials record: a password, or a proof of SCRAM. The same for accounts, at their
 * owner, and for administrators, at any member. A record that is not there takes as long and says no.
 */
import type { Random } from '../platform/platform.ts';
import { checkPassword, decodeCredentials, type PasswordHasher } from './credentials.ts';
import { RememberedLogins } from './remembered.ts';
import { checkProof } from './scram.ts';

/** What the client showed. */
export type Evidence =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'proof'; readonly authMessage: string; readonly proof: Buffer };

export type Judgement =
  /** With the server's signature (RFC 5802) for a proof. */
  | { readonly kind: 'right'; readonly serverSignature: Buffer | undefined }
  /** `isRepeated`: the very same wrong password was shown before, as devices with an old one do all day. */
  | { readonly kind: 'wrong'; readonly isRepeated: boolean };

export interface JudgeOptions {
  readonly hasher: PasswordHasher;
  readonly random: Random;
  /** Right passwords. Those of SCRAM are not remembered: a proof is never the same twice, and cheap to check. */
  readonly remembered: RememberedLogins;
}

/** Wrong passwords remembered, in the same way: as MACs in memory, which end with the record. */
const WRONG_REMEMBERED_MAX = 50_000;
const NO_RECORD = Buffer.alloc(0);

export class Judge {
  readonly #hasher: PasswordHasher;
  readonly #right: RememberedLogins;
  readonly #wrong: RememberedLogins;

  constructor({ hasher, random, remembered }: JudgeOptions) {
    this.#hasher = hasher;
    this.#right = remembered;
    this.#wrong = new RememberedLogins(random, WRONG_REMEMBERED_MAX);
  }

  /** Failure 'limit' or 'unavailable' of the hasher, 'damaged'. */
  async judge(who: string, record: Buffer | undefined, evidence: Evidence): Promise<Judgement> {
    if (evidence.kind === 'password') return this.#password(who, record, evidence.password);
    const keys = record === undefined ? undefined : decodeCredentials(record).scramSha256;
    const serverSignature = checkProof(keys, evidence.authMessage, evidence.proof);
    return serverSignature === undefined
      ? { kind: 'wrong', isRepeated: false }
      : { kind: 'right', serverSignature };
  }

  async #password(who: string, record: Buffer | undefined, password: string): Promise<Judgement> {
    const right: Judgement = { kind: 'right', serverSignature: undefined };
    if (record !== undefined && this.#right.has(who, record, password)) return right;
    if (this.#wrong.has(who, record ?? NO_RECORD, password)) return { kind: 'wrong', isRepeated: true };
    if (await checkPassword(this.#hasher, record, password, who)) {
      if (record !== undefined) this.#right.add(who, record, password);
      return right;
    }
    this.#wrong.add(who, record ?? NO_RECORD, password);
    return { kind: 'wrong', isRepeated: false };
  }
}
