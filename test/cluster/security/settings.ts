/** Cluster settings in memory, with decisions as the controller makes them: one after another, on the newest. */

import {
  formatState,
  parseState,
  type SecurityState,
  STATE_KEY,
} from '../../../src/cluster/security/state.ts';
import type { Decide, SettingsWrite } from '../../../src/cluster/types.ts';
import { SettingsCopy } from '../../../src/cluster/view/settings-copy.ts';

export class TestSettings {
  readonly copy = new SettingsCopy();
  /** Every write, in order. */
  readonly writes: string[] = [];
  /** Called before each write: to fail there, or to do something in between. */
  before: (write: SettingsWrite) => void | Promise<void> = () => undefined;
  #version = 0;
  #deciding: Promise<unknown> = Promise.resolve();

  constructor(state: SecurityState) {
    this.copy.apply({
      version: 0,
      whole: true,
      domains: [],
      domainsDeleted: [],
      values: [[STATE_KEY, formatState(state)]],
    });
  }

  get state(): SecurityState {
    return parseState(this.copy.value(STATE_KEY))!;
  }

  readonly decide: Decide = (decide) => {
    const run = async () => {
      const { writes, answer } = await decide(this.copy);
      for (const write of writes) await this.set(write);
      return answer;
    };
    const decided = this.#deciding.then(run);
    this.#deciding = decided.catch(() => undefined);
    return decided;
  };

  async set(write: SettingsWrite): Promise<void> {
    await this.before(write);
    this.writes.push(write.key);
    const values = [[write.key, write.value]] as const;
    this.copy.apply({ version: ++this.#version, whole: false, domains: [], domainsDeleted: [], values });
  }
}
