/** Rates and CPU time: of a server with all its processes, for so many operations. */
import { cpuMs } from './cpu.ts';

export interface Figure {
  readonly what: string;
  readonly peer: string;
  /** Operations, or MB, a second. */
  readonly rate: number;
  readonly unit: string;
  readonly cpuMsEach: number;
}

/** `act` does it all and gives how many operations, or MB, that was. */
export async function measured(
  {
    what,
    unit,
    peer,
    pid,
  }: { readonly what: string; readonly unit: string; readonly peer: string; readonly pid: number },
  act: () => Promise<number>,
): Promise<Figure> {
  const cpuBefore = await cpuMs(pid);
  const startMs = performance.now();
  const done = await act();
  const seconds = (performance.now() - startMs) / 1000;
  return { what, peer, unit, rate: done / seconds, cpuMsEach: ((await cpuMs(pid)) - cpuBefore) / done };
}

/** So many at a time, so many in all. */
export async function parallel(
  atOnce: number,
  count: number,
  act: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await act(index);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}

/** A row for each of our figures, with the peer's beside it and the ratios: rate above 1 and CPU time below 1 are better. */
export function table(figures: readonly Figure[]): string {
  const ours = figures.filter(({ peer }) => peer === 'postern');
  return ours
    .map((own) => {
      const other = figures.find(({ what, peer }) => what === own.what && peer !== own.peer);
      const cells = [own.what.padEnd(44), cell(own)];
      if (other !== undefined)
        cells.push(
          cell(other),
          `rate x ${(own.rate / other.rate).toFixed(2)}`,
          `CPU x ${(own.cpuMsEach / other.cpuMsEach).toFixed(2)}`,
        );
      return cells.join('  ');
    })
    .join('\n');
}

function cell({ peer, rate, unit, cpuMsEach }: Figure): string {
  return `${peer} ${rate.toFixed(rate < 10 ? 2 : 0).padStart(6)} ${unit}, ${cpuMsEach.toFixed(3)} ms CPU`.padEnd(
    46,
  );
}
