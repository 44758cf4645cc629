/** What crosses the bus about limits, read with care: another form is the peer's mistake, answered with 'invalid'. */
import { type Fields, readCount, readFields, readText } from '../../directory/wire.ts';
import { Failure } from '../../lib/failure.ts';
import type { Admission, Arrival, Charge, HeldBy, Outcome } from './account-limits.ts';
import { ADDRESS_KEY_OCTETS_MAX } from './address-key.ts';
import type { AddressStand } from './address-limits.ts';

export const OUTCOMES = ['right', 'wrong', 'repeated', 'unchecked'] as const satisfies readonly Outcome[];

export function readAddress(value: unknown): string {
  const address = readText(value, 'address');
  if (address === '' || address.length > ADDRESS_KEY_OCTETS_MAX || !/^[0-9a-z.:/]+$/.test(address))
    throw new Failure('invalid', 'log-in: not the key of an address');
  return address;
}

export function readOutcome(value: unknown): Outcome {
  const outcome = OUTCOMES.find((each) => each === value);
  if (outcome === undefined) throw new Failure('invalid', 'log-in: no such outcome');
  return outcome;
}

export function readStand(body: unknown): AddressStand {
  const { waitMs, isRefused, count } = readFields(body);
  return {
    waitMs: readCount(waitMs, 'wait'),
    isRefused: isRefused === true,
    count: readCount(count, 'count'),
  };
}

export function readCharge(value: unknown): Charge {
  const { isKnown, isPaid } = readFields(value);
  return { isKnown: isKnown === true, isPaid: isPaid === true };
}

/** What a log-in brings along, but for its account. */
export function readArrival({
  address,
  waitedMs,
  addressWaitMs,
  isAddressRefused,
}: Fields): Omit<Arrival, 'account'> {
  return {
    address: readAddress(address),
    waitedMs: readCount(waitedMs, 'waited'),
    addressWaitMs: readCount(addressWaitMs, 'wait of the address'),
    isAddressRefused: isAddressRefused === true,
  };
}

function readHeldBy(value: unknown): HeldBy {
  if (value !== 'account' && value !== 'address') throw new Failure('invalid', 'log-in: held by nothing');
  return value;
}

/** As `Admission` is, field by field; milliseconds as whole numbers. */
export function writeAdmission(admission: Admission): Fields {
  return admission.kind === 'wait' ? { ...admission, waitMs: Math.ceil(admission.waitMs) } : { ...admission };
}

export function readAdmission(body: unknown): Admission {
  const { kind, waitMs, by, count, charge } = readFields(body);
  switch (kind) {
    case 'go':
      return { kind, charge: readCharge(charge) };
    case 'wait':
      return {
        kind,
        waitMs: readCount(waitMs, 'wait'),
        by: readHeldBy(by),
        count: readCount(count, 'count'),
      };
    case 'limited':
      return { kind, by: readHeldBy(by), count: readCount(count, 'count') };
    default:
      throw new Failure('invalid', 'log-in: no such admission');
  }
}
