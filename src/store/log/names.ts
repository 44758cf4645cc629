/** `000001.log`: names of a log's files. A name that is not exactly what we would write is not ours. */
import { join } from 'node:path/posix';

const DIGITS_MIN = 6;
const NAME = /^\d{6,15}\.log$/;

export function fileName(number: number): string {
  return `${String(number).padStart(DIGITS_MIN, '0')}.log`;
}

export function filePath(directory: string, number: number): string {
  return join(directory, fileName(number));
}

/** The number in a file name, or undefined for any other name. Numbers count from 1. */
export function fileNumber(name: string): number | undefined {
  if (!NAME.test(name)) return undefined;
  const number = Number.parseInt(name, 10);
  return number > 0 && fileName(number) === name ? number : undefined;
}

/** The numbers among the names of a directory, ascending. */
export function fileNumbers(names: readonly string[]): readonly number[] {
  return names
    .map(fileNumber)
    .filter((number) => number !== undefined)
    .toSorted((a, b) => a - b);
}
