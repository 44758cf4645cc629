/**
 * Sockets in every session state (docs/architecture.md, invariant 8): clients that are walked to a state and let loose make no
 * worker exit, none grow and none keep anything, and others are served all the time. For hours: `node test/fuzz/run.ts --target sockets`.
 */
import t from 'tap';
import { SocketFuzzer } from './sockets/fuzzer.ts';

const SEED = 'tests';
/** The first round makes the compiler and the collector of V8 take what they take. */
const WARM_UP_CONNECTIONS = 700;
const CONNECTIONS = 1300;
/** A worker that keeps a buffer of 64 KiB of each connection grows by more. */
const GROWTH_OCTETS_MAX = 64 * 2 ** 20;

void t.test(`every state of every session (seed ${SEED})`, { timeout: 120_000 }, async (t) => {
  const fuzzer = await SocketFuzzer.start(SEED);
  t.teardown(() => fuzzer.stop());
  await fuzzer.run(WARM_UP_CONNECTIONS);
  const before = await fuzzer.memory();
  await fuzzer.run(CONNECTIONS);
  await fuzzer.assertServed();
  await fuzzer.assertNothingLeft();
  const after = await fuzzer.memory();
  t.same([...after.keys()], [...before.keys()], 'the same processes');
  for (const [pid, octets] of before)
    t.ok((after.get(pid) ?? Number.NaN) - octets < GROWTH_OCTETS_MAX, `${pid} did not grow`);
  t.same(fuzzer.unreached, [], 'every state was reached');
});
