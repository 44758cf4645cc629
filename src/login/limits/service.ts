/**
 * The owners' side of limits that is asked over the bus. Failures of accounts are counted where their passwords are
 * checked (../service.ts); an administrator's are checked by any member, so their owner is asked here.
 *
 * | service | at the owner of | body | answer |
 * | --- | --- | --- | --- |
 * | login.address | the address's slot | address | waitMs, isRefused, count |
 * | login.address-note | the address's slot | address, account, outcome | nothing |
 * | login.administrator | the name's slot | name and an `Arrival` | an `Admission` |
 * | login.administrator-note | the name's slot | name, address, charge, outcome | nothing |
 */
import type { Bus } from '../../cluster/bus/types.ts';
import { readName } from '../../directory/bodies.ts';
import { readFields, readText } from '../../directory/wire.ts';
import type { Clock } from '../../platform/platform.ts';
import type { ObjectHost } from '../../store/host/host.ts';
import type { DomainId, Slot } from '../../store/ids.ts';
import { AccountLimits } from './account-limits.ts';
import { AddressLimits } from './address-limits.ts';
import { slotOfAddress, slotOfAdministrator } from './slots.ts';
import { readAddress, readArrival, readCharge, readOutcome, writeAdmission } from './wire.ts';

export interface LimitsServiceOptions {
  readonly bus: Pick<Bus, 'serve'>;
  readonly host: ObjectHost;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

export function serveLimits({ bus, host, clock }: LimitsServiceOptions): void {
  const addresses = new AddressLimits(clock);
  const administrators = new AccountLimits(clock);
  // Counts are in memory and wait for nothing; the host tells whether the slot is ours ('moved').
  const serve = (service: string, slot: (body: unknown) => Slot, act: (body: unknown) => unknown): void =>
    bus.serve(service, (body) => host.run(slot(body), async () => act(body)));

  serve('login.address', bySlotOfAddress, (body) => {
    const stand = addresses.stand(readAddress(readFields(body).address));
    return { ...stand };
  });
  serve('login.address-note', bySlotOfAddress, (body) => {
    const { address, account, outcome } = readFields(body);
    const key = readAddress(address);
    if (readOutcome(outcome) === 'wrong') addresses.failed(key);
    else addresses.succeeded(key, readText(account, 'account'));
    return null;
  });
  serve('login.administrator', bySlotOfName, (body) => {
    const arrival = readArrival(readFields(body));
    return writeAdmission(administrators.admit({ ...arrival, account: administrator(body) }));
  });
  serve('login.administrator-note', bySlotOfName, (body) => {
    const { address, charge, outcome } = readFields(body);
    const who = { account: administrator(body), address: readAddress(address) };
    administrators.settle(who, readCharge(charge), readOutcome(outcome));
    return null;
  });
}

function bySlotOfAddress(body: unknown): Slot {
  return slotOfAddress(readAddress(readFields(body).address));
}

function bySlotOfName(body: unknown): Slot {
  return slotOfAdministrator(administrator(body));
}

/** Of the form of any local part. */
function administrator(body: unknown): string {
  return readName({ domainId: 0 as DomainId, name: readFields(body).name }).name;
}
