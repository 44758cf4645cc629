/** `--target sockets` of test/fuzz/run.ts: the sockets for as long as one likes, a line a minute. */
import { SocketFuzzer } from './fuzzer.ts';

/** Between two looks at the processes. */
const ROUND_CONNECTIONS = 2000;
const REPORT_MS = 60_000;
/** What a process may grow by after its first round, however many follow. */
export const GROWTH_OCTETS_MAX = 128 * 2 ** 20;

/** Gives the number of findings: a process that is gone, one that grew, or somebody who is not served. */
export async function fuzzSockets(options: {
  readonly seed: string;
  readonly goesOn: () => boolean;
}): Promise<number> {
  const fuzzer = await SocketFuzzer.start(options.seed);
  try {
    await fuzzer.run(ROUND_CONNECTIONS, options.goesOn);
    const first = await fuzzer.memory();
    let reportMs = performance.now() + REPORT_MS;
    do {
      await fuzzer.run(ROUND_CONNECTIONS, options.goesOn);
      const now = await fuzzer.memory();
      const found: string[] = [];
      for (const [pid, octets] of first) {
        const grown = (now.get(pid) ?? Number.NaN) - octets;
        if (Number.isNaN(grown)) found.push(`process ${pid} is gone`);
        else if (grown > GROWTH_OCTETS_MAX)
          found.push(`process ${pid} grew by ${Math.round(grown / 2 ** 20)} MiB`);
      }
      for (const check of [() => fuzzer.assertServed(), () => fuzzer.assertNothingLeft()])
        await check().catch((error: unknown) => found.push(String(error)));
      for (const what of found)
        console.log(`FOUND ${what}, seed ${options.seed}, after ${fuzzer.connections} connections`);
      if (found.length > 0) return found.length;
      if (performance.now() < reportMs) continue;
      reportMs += REPORT_MS;
      const rss = [...now.values()].map((octets) => Math.round(octets / 2 ** 20)).join(', ');
      console.log(
        `${new Date().toISOString()} seed ${options.seed}: ${fuzzer.connections} connections, rss ${rss} MiB`,
      );
    } while (options.goesOn());
    for (const door of fuzzer.unreached) console.log(`nobody got to ${door}`);
    return 0;
  } finally {
    await fuzzer.stop();
  }
}
