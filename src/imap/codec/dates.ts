/** Dates of the IMAP grammar (RFC 9051 section 9: date, date-time), proleptic Gregorian, years 0000 to 9999. */
import type { Day } from './types.ts';

export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const YEAR_0_MS = new Date(0).setUTCFullYear(0, 0, 1);
const YEAR_10000_MS = Date.UTC(10_000, 0);

/** date-text: `1-Feb-1994`. Undefined when it is none, or no day of the calendar. */
export function parseDay(text: string): Day | undefined {
  const match = /^(\d{1,2})-([a-z]{3})-(\d{4})$/i.exec(text);
  return match === null ? undefined : dayOf(match[1]!, match[2]!, match[3]!);
}

/** The inside of date-time: ` 1-Feb-1994 21:52:25 -0800`, as milliseconds since 1970. */
export function parseDateTime(text: string): number | undefined {
  const match = /^([ \d]\d)-([a-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/i.exec(text);
  if (match === null) return undefined;
  const day = dayOf(match[1]!, match[2]!, match[3]!);
  const [hour, minute, second, zoneHour, zoneMinute] = [4, 5, 6, 8, 9].map((group) => Number(match[group]));
  // RFC 5322 section 3.3: 60 is a leap second.
  if (day === undefined || hour! > 23 || minute! > 59 || second! > 60 || zoneMinute! > 59) return undefined;
  const zoneMs = (match[7] === '-' ? -1 : 1) * (zoneHour! * 60 + zoneMinute!) * 60_000;
  const ms = dayStartMs(day) + ((hour! * 60 + minute!) * 60 + second!) * 1000 - zoneMs;
  // In UTC, in which it is told again, it must have four digits of a year too.
  return ms >= YEAR_0_MS && ms < YEAR_10000_MS ? ms : undefined;
}

/** date-time in UTC with its quotes: `"01-Feb-1994 05:52:25 +0000"`. */
export function formatDateTime(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  const day = `${two(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${year}`;
  return `"${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000"`;
}

/** Midnight UTC of a day. */
export function dayStartMs(day: Day): number {
  // Date.UTC takes years below 100 for 19xx.
  return new Date(0).setUTCFullYear(day.year, day.month - 1, day.day);
}

/** 1 … 12 for the English name's first three letters in any case, else 0. */
export function monthOf(name: string): number {
  return MONTHS.findIndex((month) => month.toLowerCase() === name.toLowerCase()) + 1;
}

function dayOf(dayText: string, monthText: string, yearText: string): Day | undefined {
  const month = monthOf(monthText);
  const day: Day = { year: Number(yearText), month, day: Number(dayText) };
  if (month === 0 || day.day < 1) return undefined;
  return new Date(dayStartMs(day)).getUTCDate() === day.day ? day : undefined;
}
