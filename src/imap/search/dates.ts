/**
 * Keys that look at days (RFC 9051 section 6.4.4), by INTERNALDATE or by the Date field: "disregarding time and timezone".
 * Days are those of UTC, as INTERNALDATE is given in UTC. And WITHIN (RFC 5032), which counts seconds.
 */
import type { Message } from '../../store/account/types.ts';
import { dayStartMs, monthOf } from '../codec/dates.ts';
import type { Day } from '../codec/types.ts';
import { content, quick, type SearchKeySpec } from './key.ts';

interface DateKey<K extends string> {
  readonly kind: K;
  readonly day: Day;
}

const DAY_MS = 86_400_000;

type Holds = (ms: number, startMs: number) => boolean;
const isBefore: Holds = (ms, startMs) => ms < startMs;
const isOn: Holds = (ms, startMs) => ms >= startMs && ms < startMs + DAY_MS;
const isSince: Holds = (ms, startMs) => ms >= startMs;

export const before = internal('BEFORE', isBefore);
export const on = internal('ON', isOn);
export const since = internal('SINCE', isSince);
export const sentBefore = sent('SENTBEFORE', isBefore);
export const sentOn = sent('SENTON', isOn);
export const sentSince = sent('SENTSINCE', isSince);

function internal<const K extends string>(kind: K, holds: Holds): SearchKeySpec<DateKey<K>> {
  return {
    kind,
    parse: ({ reader }) => ({ kind, day: reader.date() }),
    test({ day }) {
      const startMs = dayStartMs(day);
      return quick(({ internalDateMs }) => holds(internalDateMs, startMs));
    },
  };
}

function sent<const K extends string>(kind: K, holds: Holds): SearchKeySpec<DateKey<K>> {
  return {
    kind,
    parse: ({ reader }) => ({ kind, day: reader.date() }),
    test(key) {
      const startMs = dayStartMs(key.day);
      return content(async ({ text }) => {
        const day = sentDay(await text.date());
        return day !== undefined && holds(dayStartMs(day), startMs);
      });
    },
  };
}

/** RFC 5032 section 3: by the internal date. */
export const older = {
  ...within('OLDER', ({ internalDateMs }, thenMs) => internalDateMs <= thenMs),
  capabilities: { afterLogin: ['WITHIN'] },
};
export const younger = within('YOUNGER', ({ internalDateMs }, thenMs) => internalDateMs > thenMs);

function within<const K extends string>(
  kind: K,
  holds: (message: Message, thenMs: number) => boolean,
): SearchKeySpec<{ readonly kind: K; readonly seconds: number }> {
  return {
    kind,
    parse: ({ reader }) => ({ kind, seconds: reader.nzNumber() }),
    test({ seconds }, { nowMs }) {
      const thenMs = nowMs - seconds * 1000;
      return quick((message) => holds(message, thenMs));
    },
  };
}

/** The day in a Date field, disregarding time and zone (RFC 9051 section 6.4.4), two-digit years by RFC 5322 section 4.3. */
function sentDay(date: string | undefined): Day | undefined {
  const match = /(?:^|[\s,])(\d{1,2})\s{1,5}([a-z]{3})[a-z]{0,6}\s{1,5}(\d{2,4})(?!\d)/i.exec(
    date?.slice(0, 200) ?? '',
  );
  if (match === null) return undefined;
  const month = monthOf(match[2]!);
  const digits = match[3]!;
  const year =
    Number(digits) + (digits.length === 4 ? 0 : digits.length === 3 || Number(digits) >= 50 ? 1900 : 2000);
  return month === 0 ? undefined : { year, month, day: Number(match[1]) };
}
