/**
 * What has to hold between addresses: nothing is listened on twice, a wildcard counts as every address; the bus is on one
 * address only; administration is on loopback and the management address only; the network of the storage is left alone.
 */
import {
  type Endpoint,
  formatEndpoint,
  isLoopback,
  isUnspecified,
  parseAddress,
  plainAddress,
} from '../lib/ip.ts';
import type { Inconsistency, SettingName, Settings } from './settings.ts';

/** An address that is listened on, and the setting that says so. */
type Listens = readonly (readonly [key: SettingName, at: Endpoint])[];

/** Faces of the administration: no network but the operators' may reach them. */
const MANAGEMENT: readonly SettingName[] = ['PWDListener', 'AdminListener'];
const PURPOSES = ['ManagementAddress', 'PublicAddress', 'StorageAddress'] as const;

/** `isBackend` for a member that owns accounts in a cluster. */
export function checkAddresses(
  settings: Settings,
  listeners: Listens,
  isBackend: boolean,
): readonly Inconsistency[] {
  return [
    ...checkCluster(settings, isBackend),
    ...checkPurposes(settings),
    ...checkListeners(settings, listeners),
    ...checkCollisions(settings, listeners),
  ];
}

function checkCluster(settings: Settings, isBackend: boolean): Inconsistency[] {
  const found: Inconsistency[] = [];
  const backends = settings.BackendAddresses.map(formatEndpoint);
  const self = formatEndpoint(settings.ClusterAddress);
  const twice = backends.find((each, index) => backends.indexOf(each) !== index);
  const nobody = settings.BackendAddresses.find(({ host }) => isUnspecified(host));
  if (isUnspecified(settings.ClusterAddress.host))
    found.push({
      key: 'ClusterAddress',
      why: `give one address of this machine: ${settings.ClusterAddress.host} is every network, and others could not dial it`,
    });
  if (twice !== undefined) found.push({ key: 'BackendAddresses', why: `${twice} is listed twice` });
  if (nobody !== undefined)
    found.push({
      key: 'BackendAddresses',
      why: `${formatEndpoint(nobody)} leads to nobody: give the ClusterAddress of that member`,
    });
  if (isBackend && !backends.includes(self))
    found.push({ key: 'BackendAddresses', why: `list this backend's own ClusterAddress ${self} too` });
  return found;
}

function checkPurposes(settings: Settings): Inconsistency[] {
  return PURPOSES.filter((key) => isUnspecified(settings[key])).map((key) => ({
    key,
    why: `give one address of this machine: ${settings[key]} is every network`,
  }));
}

function checkListeners(settings: Settings, listeners: Listens): Inconsistency[] {
  const { ManagementAddress, StorageAddress } = settings;
  return listeners.flatMap(([key, at]) => {
    const wrong = (why: string): Inconsistency[] => [{ key, why }];
    // So that each service has one address by which it is known (status.json, lab.json) whatever the system chose.
    if (at.port === 0 && listeners.filter(([other]) => other === key).length > 1)
      return wrong(`give a port for ${at.host}: the system may choose it only for a single address`);
    if (MANAGEMENT.includes(key)) {
      if (isLoopback(at.host) || isSame(at.host, ManagementAddress)) return [];
      const now = isLoopback(ManagementAddress)
        ? "set ManagementAddress to the one in the administrators' network"
        : `that is ${ManagementAddress} now`;
      return wrong(
        `${formatEndpoint(at)} would open administration to a network: give an address on loopback or ManagementAddress (${now})`,
      );
    }
    if (StorageAddress !== '' && !isLoopback(StorageAddress) && isSame(at.host, StorageAddress))
      return wrong(`${formatEndpoint(at)} is StorageAddress: clients have no business there`);
    return [];
  });
}

function checkCollisions(settings: Settings, listeners: Listens): Inconsistency[] {
  const found: Inconsistency[] = [];
  const users: [SettingName, Endpoint][] = [['ClusterAddress', settings.ClusterAddress]];
  for (const [key, at] of listeners) {
    const other = users.find(([, taken]) => overlap(taken, at));
    if (other?.[0] === key) found.push({ key, why: `${formatEndpoint(at)} is listed twice` });
    else if (other !== undefined)
      found.push({ key, why: `${formatEndpoint(at)} is ${addressOf(other, at)} already` });
    users.push([key, at]);
  }
  return found;
}

function addressOf([key, taken]: readonly [SettingName, Endpoint], at: Endpoint): string {
  return isSame(taken.host, at.host)
    ? `the address of ${key}`
    : `within the address of ${key} (${formatEndpoint(taken)})`;
}

/** Whether a connection to one could be meant for the other. */
function overlap(a: Endpoint, b: Endpoint): boolean {
  // Port 0 is another port each time.
  if (a.port !== b.port || a.port === 0) return false;
  return isSame(a.host, b.host) || covers(a.host, b.host) || covers(b.host, a.host);
}

/** `::` is listened on for both families. */
function covers(wildcard: string, host: string): boolean {
  if (!isUnspecified(wildcard)) return false;
  return wildcard.includes(':') || parseAddress(host)?.family === 4;
}

function isSame(a: string, b: string): boolean {
  return plainAddress(a) === plainAddress(b);
}
