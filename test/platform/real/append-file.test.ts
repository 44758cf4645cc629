import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { AppendOnlyFile, without } from '../../../src/platform/real/append-file.ts';
import { Gate } from '../../../src/platform/real/gate.ts';

const gate = () => new Gate(2, 100);

void t.test('without() leaves exactly the octets after the first ones', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { maxLength: 12 }),
      fc.nat({ max: 120 }),
      (arrays, wish) => {
        const chunks = arrays.map((bytes) => Buffer.from(bytes));
        const all = Buffer.concat(chunks);
        const octets = Math.min(wish, all.length);
        const rest = without(chunks, octets);
        return Buffer.concat(rest).equals(all.subarray(octets)) && rest.every((chunk) => chunk.length > 0);
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
});

void t.test('a file that failed once is never written again', async (t) => {
  // /dev/full refuses every write with ENOSPC.
  const file = new AppendOnlyFile(openSync('/dev/full', 'w'), '/dev/full', gate());
  await t.rejects(file.writeDurably([Buffer.from('x')], 0), { code: 'ENOSPC' });
  await t.rejects(file.writeDurably([Buffer.from('x')], 0), { code: 'EBADF' });
  await t.rejects(file.writeDurably([], 0), { code: 'EBADF' }, 'nor is it said to be durable');
  await file.close();
});

void t.test('close waits for the write in flight, so that its descriptor is nobody else’s', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'postern-append-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const fd = openSync(join(root, 'a'), 'w');
  const file = new AppendOnlyFile(fd, 'a', gate());
  const bytes = Buffer.alloc(3_000_000, 7);
  const writing = file.writeDurably([bytes], 0);
  const closing = file.close();
  t.equal(file.close(), closing, 'closed once');
  await writing;
  await closing;
  t.equal(readFileSync(join(root, 'a')).compare(bytes), 0);
  t.throws(() => closeSync(fd), { code: 'EBADF' });
  await t.rejects(file.writeDurably([bytes], 0), { code: 'EBADF' });
});
