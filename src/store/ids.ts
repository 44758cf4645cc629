/** Identities that store, cluster and directory share (docs/architecture.md, section 1). */

/** The fencing token: (control epoch, grant count) as one integer, `controlEpoch * 2 ** 32 + grantCount`, 21 + 32 bits. */
export type Epoch = number & { readonly '#': 'Epoch' };

export function epochOf(controlEpoch: number, grantCount: number): Epoch {
  return (controlEpoch * 2 ** 32 + grantCount) as Epoch;
}

/** Number of slots; a name's slot never changes. */
export const SLOTS = 4096;
/** 0 … 4095. */
export type Slot = number & { readonly '#': 'Slot' };

/** A random id made when a worker starts: 32 lower-case hex digits. */
export type Incarnation = string & { readonly '#': 'Incarnation' };

/** Permanent number of a domain, assigned in the cluster settings, never reused. From 1; 0 is the cluster itself. */
export type DomainId = number & { readonly '#': 'DomainId' };

/**
 * What has a log. `name` is the name it was created with; `serial` is epoch and modseq of the record that created it,
 * `<epoch hex>-<modseq hex>` (the modseq in place of the offset: an offset changes when a taker copies a tail).
 */
export interface ObjectId {
  readonly domainId: DomainId;
  readonly name: string;
  readonly serial: string;
}

/** One string for maps, logs and first records: `7/jsmith/10000000a-3`. */
export function objectKey(id: ObjectId): string {
  return `${id.domainId}/${id.name}/${id.serial}`;
}

/** Identifies one request that a frontend made for a client, for ever (docs/architecture.md, sessions outlive backends). */
export interface TransactionId {
  /** The frontend worker's incarnation. */
  readonly incarnation: Incarnation;
  /** Counts up from 1 in that incarnation. */
  readonly number: number;
  /** The lowest number that this incarnation still has open: below it the owner may forget. */
  readonly lowestOpen: number;
}
