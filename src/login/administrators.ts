/**
 * Log-ins of server administrators: any member checks them against its copy of the cluster settings, so that they get in
 * while no backend is there. Their failures are counted at the owner of a slot of their name.
 */
import type { ClusterSettings } from '../cluster/types.ts';
import { Failure } from '../lib/failure.ts';
import type { ScramSalt } from './answers.ts';
import { decodeCredentials } from './credentials.ts';
import type { Decoys } from './decoys.ts';
import type { Evidence, Judge, Judgement } from './judge.ts';
import type { Admission, Arrival, Outcome } from './limits/account-limits.ts';
import type { LimitsClient } from './limits/client.ts';
import { SCRAM_ITERATIONS } from './scram.ts';

export interface AdministratorsOptions {
  readonly settings: ClusterSettings;
  readonly judge: Judge;
  readonly limits: LimitsClient;
  readonly decoys: Decoys;
}

/** The cluster settings' value that holds an administrator's credentials. */
export function administratorKey(name: string): string {
  return `administrator/${name}`;
}

export class Administrators {
  readonly #options: AdministratorsOptions;

  constructor(options: AdministratorsOptions) {
    this.#options = options;
  }

  /** Failure 'unavailable', 'limit'. */
  async check(
    name: string,
    evidence: Evidence,
    arrival: Omit<Arrival, 'account'>,
  ): Promise<Judgement | Exclude<Admission, { readonly kind: 'go' }>> {
    const { limits } = this.#options;
    const admission = await limits.administrator(name, arrival);
    if (admission.kind !== 'go') return admission;
    const note = (outcome: Outcome) =>
      limits.noteAdministrator(name, arrival.address, admission.charge, outcome);
    try {
      const judgement = await this.#judge(name, evidence);
      const isWrong = judgement.kind === 'wrong';
      // A wrong one is counted before it is told; who is right need not wait for that.
      if (isWrong) await note(judgement.isRepeated ? 'repeated' : 'wrong');
      else void note('right');
      return judgement;
    } catch (error) {
      void note('unchecked');
      throw error;
    }
  }

  async salt(name: string): Promise<ScramSalt> {
    const who = administratorKey(name);
    const decoy = await this.#options.decoys.salt(who);
    const record = this.#record(who);
    const keys = record === undefined ? undefined : decodeCredentials(record).scramSha256;
    return { salt: keys?.salt ?? decoy, iterations: keys?.iterations ?? SCRAM_ITERATIONS };
  }

  async #judge(name: string, evidence: Evidence): Promise<Judgement> {
    const who = administratorKey(name);
    const record = this.#record(who);
    const judgement = await this.#options.judge.judge(who, record, evidence);
    // Hashing took a while: the settings of now count.
    const isCurrent = record !== undefined && this.#record(who)?.equals(record) === true;
    return judgement.kind === 'right' && !isCurrent ? { kind: 'wrong', isRepeated: false } : judgement;
  }

  #record(who: string): Buffer | undefined {
    const { settings } = this.#options;
    if (settings.version < 0)
      throw new Failure('unavailable', 'the settings of the cluster are not known here yet');
    return settings.value(who);
  }
}
