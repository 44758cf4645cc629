/** What the registers saw of a cut, in figures: how long accounts were not served, and what was answered instead. */
import { type Answer, isServed, type Register } from './register.ts';

/** The longest time without a good answer to an account at a door, of all accounts, from one instant to another. */
export function longestGap(
  registers: readonly Register[],
  door: string,
  fromMs: number,
  toMs: number,
): number {
  return Math.max(0, ...registers.map((register) => gapOf(register, door, fromMs, toMs)));
}

function gapOf({ answers }: Register, door: string, fromMs: number, toMs: number): number {
  const good = answers
    .filter((answer) => answer.door === door && isServed(answer))
    .map(({ endMs }) => endMs)
    .filter((ms) => ms > fromMs && ms < toMs);
  const marks = [fromMs, ...good, toMs];
  return Math.max(...marks.slice(1).map((ms, index) => ms - marks[index]!));
}

/** When the last of all accounts was served again at a door by a question that was asked after an instant. */
export function servedAgainMs(
  registers: readonly Register[],
  doors: readonly string[],
  afterMs: number,
): number {
  const times = registers.flatMap(({ answers }) =>
    doors.map((door) => {
      const first = answers.find(
        (answer) => answer.door === door && answer.endMs > afterMs && isServed(answer),
      );
      return (first?.endMs ?? Number.POSITIVE_INFINITY) - afterMs;
    }),
  );
  return Math.max(...times);
}

/** Answers that were begun at a door between two instants and are not good ones. */
export function refused(
  registers: readonly Register[],
  door: string,
  fromMs: number,
  toMs: number,
): Answer[] {
  return registers.flatMap(({ answers }) =>
    answers.filter(
      (answer) =>
        answer.door === door && answer.startMs >= fromMs && answer.startMs < toMs && !isServed(answer),
    ),
  );
}

/** `NO [UNAVAILABLE] × 3, closed × 1`. */
export function counted(answers: readonly Answer[]): string {
  const counts = new Map<string, number>();
  for (const { text } of answers) {
    const words = text?.split(' ').slice(0, 2).join(' ') ?? 'closed';
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].map(([words, times]) => `${words} × ${times}`).join(', ') || 'none';
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
