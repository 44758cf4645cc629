/**
 * Salts for names that lead nowhere, so that SCRAM says nothing about who exists (RFC 5802 section 9): a keyed hash of the
 * name, the same at every owner and after every restart. The key is a value of the cluster settings, made when it is first
 * needed. It is no sealed value: who can read the settings can read the names as well.
 */
import { createHmac } from 'node:crypto';
import type { ClusterSettings, NodeView } from '../cluster/types.ts';
import type { SettingsChange } from '../directory/cluster-settings.ts';
import { Failure } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import { SCRAM_SALT_OCTETS } from './scram.ts';

/** The cluster settings' value that holds the key. */
export const DECOY_KEY = 'login/decoy-key';
const KEY_OCTETS = 32;
const MAKE_TIMEOUT_MS = 5000;

export interface DecoysOptions {
  readonly settings: Pick<ClusterSettings, 'value'>;
  readonly changeSettings: NodeView['changeSettings'];
  readonly random: Random;
}

export class Decoys {
  readonly #options: DecoysOptions;
  #making: Promise<Buffer> | undefined;

  constructor(options: DecoysOptions) {
    this.#options = options;
  }

  /**
   * The salt of a name that has none. Ask for it for every name, whether it is needed or not: when the key cannot be had,
   * everybody gets Failure 'unavailable'.
   */
  async salt(name: string): Promise<Buffer> {
    const key = this.#options.settings.value(DECOY_KEY) ?? (await this.#make());
    return createHmac('sha256', key).update(name).digest().subarray(0, SCRAM_SALT_OCTETS);
  }

  #make(): Promise<Buffer> {
    this.#making ??= this.#propose().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #propose(): Promise<Buffer> {
    const { settings, changeSettings, random } = this.#options;
    // One request for ever: when two members propose at once, the second is answered and changes nothing.
    const change: SettingsChange = {
      kind: 'setValue',
      key: DECOY_KEY,
      value: random.bytes(KEY_OCTETS),
      request: DECOY_KEY,
    };
    try {
      await changeSettings(change, { timeoutMs: MAKE_TIMEOUT_MS });
    } catch (cause) {
      throw new Failure('unavailable', 'the key for decoys cannot be made now', { cause });
    }
    const key = settings.value(DECOY_KEY);
    if (key === undefined) throw new Failure('unavailable', 'the key for decoys is not known here yet');
    return key;
  }
}
