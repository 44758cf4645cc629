/** Runs tries of one kind of interruption in network namespaces: a program of its own (in-network.ts), whose tries are told here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Interruption, Kind } from '../../test/faults/interruption.ts';
import { isolated } from '../../test/support/network.ts';

const PROGRAM = join(import.meta.dirname, 'in-network.ts');
/** What the program says of a try, in a line of its own. */
export const TRY = 'try ';

export interface InNetwork {
  readonly kind: Kind;
  readonly tries: number;
  readonly accounts: number;
  /** Where the members' logs are kept. */
  readonly keep: string | undefined;
  readonly seen: (result: Interruption) => void;
}

/** What the program is told: everything but who listens. */
export type Order = Omit<InNetwork, 'seen'>;

export async function runInNetwork({ seen, ...order }: InNetwork): Promise<void> {
  const runner = {
    async spawn(command: string, args: readonly string[]): Promise<void> {
      const program = spawn(command, [...args, JSON.stringify(order satisfies Order)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(program, 'exit') as Promise<[number | null]>;
      for await (const line of createInterface({ input: program.stdout }))
        if (line.startsWith(TRY)) seen(JSON.parse(line.slice(TRY.length)) as Interruption);
        else console.log(line);
      const [status] = await exited;
      if (status !== 0) throw new Error(`${order.kind}: ended with ${status}`);
    },
  };
  await isolated(runner, order.kind, PROGRAM, { timeoutMs: Number.POSITIVE_INFINITY });
}
