/**
 * The cluster settings object: `.cluster/settings/`, owned by the controller, its authority in place of a slot's lease
 * (docs/architecture.md, section 4): the table domain name to domain id, and values. Its version is the modseq of the
 * last change, so it grows over all controllers.
 *
 * Deleting a domain has two changes: `deleteDomain` first marks it, from when on it takes no new names, then, with no
 * account left, `removeDomain` ends it (domains.ts does both).
 */
import type { SettingsDelta, SettingsObject } from '../cluster/types.ts';
import { DecodeError } from '../lib/encoder.ts';
import { Failure } from '../lib/failure.ts';
import { DOMAIN_SETTINGS_OCTETS_MAX, decodeDomainSettings } from '../settings/domain-settings.ts';
import { type DomainId, objectKey } from '../store/ids.ts';
import type { Lease, Log, LogRecord } from '../store/log/types.ts';
import { REQUEST_OCTETS_MAX } from '../store/slot/limits.ts';
import { domainDirectory } from '../store/slot/path.ts';
import { domainName } from './address.ts';
import {
  decodeSettingsRecord,
  encodeSettingsRecord,
  SETTINGS_RECORD_TYPES,
  type SettingsRecord,
  settingsRecordType,
} from './cluster-settings-records.ts';
import { SettingsState } from './cluster-settings-state.ts';
import { addressesOf, settingsDigest } from './domains-by-address.ts';
import { readCount, readFields, readText } from './wire.ts';

/** Relative to the root of the shared storage. */
export const SETTINGS_PATH = '.cluster/settings';
/** The object key in the first record. */
export const SETTINGS_OBJECT = objectKey({ domainId: 0 as DomainId, name: 'settings', serial: '0' });

export const DOMAINS_MAX = 1_000_000;
export const VALUES_MAX = 100_000;
const VALUE_OCTETS_MAX = 1024 * 1024;
const KEY_OCTETS_MAX = 512;

/** `request` makes a change safe to repeat: the second time it is only answered. */
export type SettingsChange = { readonly request?: string } & (
  | {
      readonly kind: 'createDomain';
      readonly name: string;
      readonly shared: boolean;
      readonly settings?: Buffer;
    }
  /**
   * Replaces the settings of a domain if they are still those that `expected` is the digest of (`settingsDigest`). Else
   * the result is STALE and nothing is changed: whoever merged a change into them does it again.
   */
  | {
      readonly kind: 'setDomainSettings';
      readonly id: DomainId;
      readonly expected: Buffer;
      readonly settings: Buffer | null;
    }
  /** Marks it: no new names from now on. */
  | { readonly kind: 'deleteDomain'; readonly id: DomainId }
  /** Takes the mark back. */
  | { readonly kind: 'keepDomain'; readonly id: DomainId }
  /** Ends a marked one. */
  | { readonly kind: 'removeDomain'; readonly id: DomainId }
  | { readonly kind: 'setValue'; readonly key: string; readonly value: Buffer | null }
);

/** The result of a change that was decided on settings that are no longer so; nothing was changed. */
export const STALE = 'stale';

export interface ClusterSettingsOptions {
  readonly lease: Lease;
  openLog(replay: (record: LogRecord) => void, knownTypes: ReadonlySet<number>): Promise<Log>;
}

export async function openClusterSettings(options: ClusterSettingsOptions): Promise<OpenClusterSettings> {
  const state = new SettingsState();
  const replay = ({ type, modseq, payload }: LogRecord) => state.apply(modseq, decode(type, payload));
  return new OpenClusterSettings(state, await options.openLog(replay, SETTINGS_RECORD_TYPES));
}

export class OpenClusterSettings implements SettingsObject {
  /** Runs ahead of the disk; shown after `settled()`. */
  readonly state: SettingsState;
  readonly failed: Promise<Error>;
  readonly #log: Log;

  constructor(state: SettingsState, log: Log) {
    this.state = state;
    this.#log = log;
    this.failed = log.failed;
  }

  get version(): number {
    return this.state.version;
  }

  snapshot(): SettingsDelta {
    return this.state.snapshot();
  }

  changesSince(version: number): SettingsDelta | undefined {
    // A version we have not reached was shown by nobody we can be the successor of.
    return version > this.version ? undefined : this.state.changesSince(version);
  }

  /**
   * Failure 'exists', 'not-found', 'invalid', 'limit', 'refused', and those of the log. The result is the domain's id
   * for changes of a domain that stays, STALE, else null.
   */
  async change(change: unknown): Promise<{ readonly version: number; readonly result: unknown }> {
    const wanted = readSettingsChange(change);
    await this.#log.writable();
    let answer: { readonly version: number; readonly result: unknown } | { readonly refusal: unknown };
    try {
      answer = this.#decide(wanted);
    } catch (refusal) {
      answer = { refusal };
    }
    // A refusal is an answer too: what it rests on must have settled.
    await this.settled();
    if ('refusal' in answer) throw answer.refusal;
    return answer;
  }

  settled(): Promise<void> {
    return this.#log.settled();
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  #decide(change: SettingsChange): { readonly version: number; readonly result: unknown } {
    const { state } = this;
    const request = change.request ?? '';
    const answered = state.answered(request);
    if (answered !== undefined) return { version: state.version, ...answered };
    const record = plan(state, change, request);
    if (record === undefined || record === STALE) return { version: state.version, result: record ?? null };
    const modseq = state.version + 1;
    this.#log.append([{ type: settingsRecordType(record), modseq, payload: [encodeSettingsRecord(record)] }]);
    state.apply(modseq, record);
    return { version: modseq, result: record.kind === 'domain-put' ? record.domain.id : null };
  }
}

/** Undefined when there is nothing to do. */
function plan(
  state: SettingsState,
  change: SettingsChange,
  request: string,
): SettingsRecord | typeof STALE | undefined {
  switch (change.kind) {
    case 'createDomain': {
      if (state.domain(change.name) !== undefined)
        throw new Failure('exists', `domain ${change.name} exists`);
      if (state.domainCount >= DOMAINS_MAX) throw new Failure('limit', `there are ${DOMAINS_MAX} domains`);
      const id = state.nextDomainId();
      const plain = domainDirectory(change.name, id, false);
      const directory = state.hadDirectory(plain) ? domainDirectory(change.name, id, true) : plain;
      const { name, shared, settings } = change;
      checkAddresses(state, id, settings);
      const domain = { id, name, shared, directory, ...(settings === undefined ? {} : { settings }) };
      return { kind: 'domain-put', request, domain };
    }
    case 'setDomainSettings': {
      const { settings: before, ...domain } = existing(state, change.id);
      if (!settingsDigest(before).equals(change.expected)) return STALE;
      const settings = change.settings ?? undefined;
      if (settingsDigest(settings).equals(change.expected)) return undefined;
      checkAddresses(state, change.id, settings);
      return {
        kind: 'domain-put',
        request,
        domain: settings === undefined ? domain : { ...domain, settings },
      };
    }
    case 'deleteDomain': {
      const domain = existing(state, change.id);
      return domain.deleting
        ? undefined
        : { kind: 'domain-put', request, domain: { ...domain, deleting: true } };
    }
    case 'keepDomain': {
      const { deleting, ...domain } = existing(state, change.id);
      return deleting ? { kind: 'domain-put', request, domain } : undefined;
    }
    case 'removeDomain': {
      if (!existing(state, change.id).deleting)
        throw new Failure('refused', 'a domain is marked first, so that no name is added to it meanwhile');
      return { kind: 'domain-deleted', request, id: change.id };
    }
    case 'setValue':
      if (state.value(change.key) === undefined && change.value === null) return undefined;
      if (state.value(change.key) === undefined && state.valueCount >= VALUES_MAX)
        throw new Failure('limit', `there are ${VALUES_MAX} values`);
      return { kind: 'value-put', request, key: change.key, value: change.value };
    default:
      return change satisfies never;
  }
}

/** An address belongs to one domain. Here, where changes come one after the other, nobody else can take it meanwhile. */
function checkAddresses(state: SettingsState, id: DomainId, settings: Buffer | undefined): void {
  for (const address of addressesOf(settings)) {
    const other = state.domainByAddress(address);
    if (other !== undefined && other.id !== id)
      throw new Failure('exists', `IPAddresses: ${address} belongs to the domain ${other.name} already`);
  }
}

function existing(state: SettingsState, id: DomainId) {
  const domain = state.domainById(id);
  if (domain === undefined) throw new Failure('not-found', 'no such domain');
  return domain;
}

/** A change as it came over the bus. Failure 'invalid', 'limit'. */
export function readSettingsChange(value: unknown): SettingsChange {
  const fields = readFields(value);
  const request = fields.request === undefined ? '' : readText(fields.request, 'request');
  if (request.length > REQUEST_OCTETS_MAX) throw new Failure('invalid', 'settings: request id too long');
  const kind = readText(fields.kind, 'kind of change');
  switch (kind) {
    case 'createDomain': {
      const given = readText(fields.name, 'name');
      const name = domainName(given);
      if (name === undefined) throw new Failure('invalid', `${JSON.stringify(given)} is not a domain name`);
      const settings = readSettings(fields.settings);
      const base = { kind, request, name, shared: fields.shared === true } as const;
      return settings === null ? base : { ...base, settings };
    }
    case 'setDomainSettings': {
      const expected = readOctets(fields.expected);
      if (expected === null) throw new Failure('invalid', 'settings: no digest of what is to be replaced');
      const id = readCount(fields.id, 'domain id') as DomainId;
      return { kind, request, id, expected, settings: readSettings(fields.settings) };
    }
    case 'deleteDomain':
    case 'keepDomain':
    case 'removeDomain':
      return { kind, request, id: readCount(fields.id, 'domain id') as DomainId };
    case 'setValue': {
      const key = readText(fields.key, 'key');
      const content = readOctets(fields.value);
      if (key === '' || key.length > KEY_OCTETS_MAX) throw new Failure('invalid', 'settings: bad key');
      if (content !== null && content.length > VALUE_OCTETS_MAX)
        throw new Failure('limit', 'settings: value too large');
      return { kind, request, key, value: content };
    }
    default:
      throw new Failure('invalid', `settings: unknown change ${kind}`);
  }
}

function readOctets(value: unknown): Buffer | null {
  const octets = value ?? null;
  if (octets !== null && !Buffer.isBuffer(octets))
    throw new Failure('invalid', 'settings: value is not octets');
  return octets;
}

/** Only what every member can read gets into the log. */
function readSettings(value: unknown): Buffer | null {
  const octets = readOctets(value);
  if (octets === null) return null;
  if (octets.length > DOMAIN_SETTINGS_OCTETS_MAX)
    throw new Failure('limit', `the settings of a domain have at most ${DOMAIN_SETTINGS_OCTETS_MAX} octets`);
  try {
    decodeDomainSettings(octets);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new Failure('invalid', `settings: ${cause.message}`, { cause });
  }
  return octets;
}

function decode(type: number, payload: Buffer): SettingsRecord {
  try {
    return decodeSettingsRecord(type, payload);
  } catch (error) {
    if (error instanceof DecodeError)
      throw new Failure('damaged', `cluster settings: record of type ${type}: ${error.message}`, {
        cause: error,
      });
    throw error;
  }
}
