/**
 * What mount options do to the file calls of the cluster: a table, measured in the guest of nfs-bed. By hand, as root:
 *
 *     ../shared/nfs-bed/run --mounts 1 -- node test/nfs/mounts.ts          # and with --nfs 3
 *
 * For each set of options two clients with caches of their own. One changes something, the other looks at once, and again
 * with more than a tick of the server's clock between changes; a look that shows what was before counts as stale. Then what
 * the calls cost: requests to the server, and milliseconds for a synced write.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Fs } from '../../src/platform/platform.ts';
import { realPlatform } from '../../src/platform/real/platform.ts';

const run = promisify(execFile);
const { NFS_VERSION = '4.2' } = process.env;
const TIGHT = 40;
const SLOW = 8;
/** The server's clock moves in steps of 10 ms there. */
const TICK_MS = 30;
const WRITES = 20;
const FIRST_ADDRESS = 100;

/** The first is what is asked for. */
const SETS: readonly string[] =
  NFS_VERSION === '3'
    ? [
        'hard',
        'hard,nolock',
        'hard,lookupcache=positive',
        'hard,lookupcache=none',
        'hard,actimeo=0',
        'hard,noac',
        'hard,nocto',
        'soft',
        'hard,rsize=32768,wsize=32768',
      ]
    : [
        'hard',
        'hard,vers=4.1',
        'hard,vers=4.0',
        'soft',
        'hard,actimeo=0',
        'hard,acdirmin=0,acdirmax=0',
        'hard,noac',
        'hard,lookupcache=positive',
        'hard,lookupcache=none',
        'hard,nocto',
        'hard,nconnect=4',
        'hard,sync',
        'hard,rsize=32768,wsize=32768',
      ];

interface Client {
  readonly directory: string;
  readonly fs: Fs;
}

let addresses = 0;
const rows: string[] = [];
for (const [index, options] of SETS.entries())
  rows.push(
    await measure(options, index).catch((error: Error) => `| ${options} | ${error.message.trim()} |`),
  );
process.stdout.write(
  `| options (vers=${NFS_VERSION}) | list | list, ticks apart | open of a name seen missing | append | overwrite | overwrite, ticks apart | requests: synced write | list | open, read, close | create, write, close | ms a synced write |\n`,
);
process.stdout.write(`|---|---|---|---|---|---|---|---|---|---|---|---|\n${rows.join('\n')}\n`);

async function measure(options: string, index: number): Promise<string> {
  const [writer, reader] = [await mount(`${index}w`, options), await mount(`${index}r`, options)] as const;
  const place = `measure-${index}`;
  await writer.fs.makeDirectory(join(writer.directory, place));
  const at = (client: Client, name: string): string => join(client.directory, place, name);
  const stale: number[] = [];
  for (const [rounds, pauseMs] of [
    [TIGHT, 0],
    [SLOW, TICK_MS],
  ] as const) {
    let missed = 0;
    for (let round = 0; round < rounds; round++) {
      const name = `listed-${pauseMs}-${round}`;
      await (await writer.fs.createExclusive(at(writer, name))).close();
      if (!(await reader.fs.list(at(reader, ''))).includes(name)) missed++;
      await sleep(pauseMs);
    }
    stale.push(missed);
  }
  stale.push(await missing(writer, reader, at));
  const log = await writer.fs.createExclusive(at(writer, 'log'));
  const block = Buffer.alloc(4096, 'x');
  let missed = 0;
  for (let round = 0; round < TIGHT; round++) {
    await log.writeDurably([block], round * block.length);
    if ((await content(reader.fs, at(reader, 'log'))).length !== (round + 1) * block.length) missed++;
  }
  stale.push(missed);
  const counter = await writer.fs.createExclusive(at(writer, 'counter'));
  for (const [rounds, pauseMs] of [
    [TIGHT, 0],
    [SLOW, TICK_MS],
  ] as const) {
    let old = 0;
    for (let round = 0; round < rounds; round++) {
      const text = String(1000 + round + pauseMs * 10);
      await counter.writeDurably([Buffer.from(text)], 0);
      if ((await content(reader.fs, at(reader, 'counter'))).toString() !== text) old++;
      await sleep(pauseMs);
    }
    stale.push(old);
  }
  const startMs = performance.now();
  const costs = [
    await requests(writer, WRITES, (round) => log.writeDurably([block], (TIGHT + round) * block.length)),
  ];
  const writeMs = (performance.now() - startMs) / WRITES;
  costs.push(
    await requests(reader, 5, () => reader.fs.list(at(reader, ''))),
    await requests(reader, 5, () => content(reader.fs, at(reader, 'counter'))),
    await requests(writer, 5, async (round) => {
      const file = await writer.fs.createExclusive(at(writer, `cost-${round}`));
      await file.writeDurably([block], 0);
      await file.close();
    }),
  );
  await log.close();
  await counter.close();
  for (const { directory } of [writer, reader]) await run('umount', [directory]);
  return `| ${[options, ...stale, ...costs, writeMs.toFixed(1)].join(' | ')} |`;
}

/** A name that was looked for and was not there; then it is created, and looked for again. */
async function missing(
  writer: Client,
  reader: Client,
  at: (client: Client, name: string) => string,
): Promise<number> {
  let missed = 0;
  for (let round = 0; round < TIGHT; round++) {
    const name = `missing-${round}`;
    await content(reader.fs, at(reader, name)).catch(unlessMissing);
    await (await writer.fs.createExclusive(at(writer, name))).close();
    if ((await content(reader.fs, at(reader, name)).catch(unlessMissing)) === undefined) missed++;
  }
  return missed;
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** Requests to the server for each of some rounds of work. */
async function requests(
  client: Client,
  rounds: number,
  work: (round: number) => Promise<unknown>,
): Promise<string> {
  await work(-1 + rounds * 100); // what only the first one costs
  const before = await sent(client);
  for (let round = 0; round < rounds; round++) await work(round);
  return (((await sent(client)) - before) / rounds).toFixed(1);
}

/** proc(5): `xprt: tcp port bind-count … sends receives …`, a line for each connection. */
async function sent({ directory }: Client): Promise<number> {
  const text = await readFile('/proc/self/mountstats', 'utf8');
  const own = text.split(/^device /m).find((part) => part.includes(` mounted on ${directory} `)) ?? '';
  return [...own.matchAll(/^\s+xprt:\s+tcp \d+ \d+ \d+ \d+ \d+ (\d+)/gm)].reduce(
    (sum, [, sends]) => sum + Number(sends),
    0,
  );
}

async function content(fs: Fs, path: string): Promise<Buffer> {
  const file = await fs.open(path);
  try {
    return await file.read(0, 2 ** 20);
  } finally {
    await file.close();
  }
}

/** A client of its own: address, host name, connection and cache. */
async function mount(name: string, options: string): Promise<Client> {
  const directory = `/nfs/measure-${name}`;
  await mkdir(directory, { recursive: true });
  const address = `127.0.0.${FIRST_ADDRESS + addresses++}`;
  const [type, source, version] =
    NFS_VERSION === '3' ? ['nfs', '/srv/nfs', 'vers=3,mountproto=tcp'] : ['nfs4', '/', `vers=${NFS_VERSION}`];
  // The last of two versions counts.
  const all = `${options.includes('vers=') ? '' : `${version},`}proto=tcp,nosharecache,${options}`;
  const script = `hostname client-${name}; mount -t ${type} -o ${all} ${address}:${source} ${directory}`;
  await run('unshare', ['--uts', 'sh', '-ec', script]);
  return { directory, fs: realPlatform({ mounts: [directory] }).fs };
}
