/**
 * Whether the storage of this process is its cluster's: looked at every Heartbeat until it is, as it may yet be mounted. "A
 * member without the right id and markers stands for nothing and is given nothing."
 */
import type { Fs } from '../../platform/platform.ts';
import type { ClusterLogger, NodeStorage } from '../types.ts';
import { checkStorage } from './check.ts';
import { NOT_CHECKED, Refusal } from './refusal.ts';

const ANOTHERS = "the storage is another cluster's";

export class StorageAdmission {
  readonly #fs: Fs;
  readonly #storage: NodeStorage | undefined;
  readonly #refusal: Refusal;
  #clusterId: string | undefined;
  #checking = false;

  /** Without `storage` there is nothing to refuse. */
  constructor(fs: Fs, storage: NodeStorage | undefined, logger: ClusterLogger) {
    this.#fs = fs;
    this.#storage = storage;
    this.#refusal = new Refusal(logger, storage && NOT_CHECKED);
  }

  /** Why this process stands for nothing; undefined when all is well. */
  get why(): string | undefined {
    return this.#refusal.why;
  }

  /** Of the storage that was found to be whole. */
  get clusterId(): string | undefined {
    return this.#clusterId;
  }

  /** Each Heartbeat. `stated`: the id that a controller has stated. `admitted` is called once. */
  look(stated: () => string | undefined, admitted: (clusterId: string) => void = () => undefined): void {
    const storage = this.#storage;
    if (storage === undefined || this.#clusterId !== undefined || this.#checking) return;
    this.#checking = true;
    void checkStorage(this.#fs, storage)
      .finally(() => {
        this.#checking = false;
      })
      .then(
        (check) => {
          if (check.kind === 'refused') return this.#refusal.set(check.why);
          if ((stated() ?? check.clusterId) !== check.clusterId) return this.#refusal.set(ANOTHERS);
          this.#refusal.set(undefined);
          this.#clusterId = check.clusterId;
          admitted(check.clusterId);
        },
        (error: unknown) =>
          this.#refusal.set(
            `storage does not answer: ${error instanceof Error ? error.message : String(error)}`,
          ),
      );
  }

  /**
   * False for who goes by another cluster's storage. Whoever of the two is wrong, this member was told to join the other,
   * so it stands for nothing from now on.
   */
  isOurs(clusterId: string): boolean {
    if (this.#clusterId === undefined || clusterId === '' || clusterId === this.#clusterId) return true;
    this.#refusal.set(ANOTHERS);
    return false;
  }
}
