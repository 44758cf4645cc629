/** The disk's own rate: one append and fdatasync a message on 200 files, with the same parallelism. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parallel } from './measure.ts';

export async function diskRate(
  folder: string,
  atOnce: number,
  messages: number,
  octets: number,
): Promise<number> {
  const base = await mkdtemp(join(folder, 'disk-rate-'));
  const files = await Promise.all(Array.from({ length: 200 }, (_, n) => open(join(base, `${n}`), 'wx')));
  const message = Buffer.alloc(octets, 'x');
  const start = performance.now();
  await parallel(atOnce, messages, async (index) => {
    const file = files[index % files.length]!;
    await file.write(message);
    await file.datasync();
  });
  const seconds = (performance.now() - start) / 1000;
  for (const file of files) await file.close();
  await rm(base, { recursive: true });
  return messages / seconds;
}
