/** Which mounts are refused or warned of, and that the operator's guide has every rule. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parseMountInfo } from '../../../src/member/self-test/mount-info.ts';
import { judgeMount, MOUNT_RULES } from '../../../src/member/self-test/mount-rules.ts';

const GUIDE = join(import.meta.dirname, '../../../docs/operator.md');

function judged(type: string, options: string, own = 'rw,relatime') {
  const [mount] = parseMountInfo(`1 2 0:1 / /s ${own} - ${type} filer:/mail ${options}`);
  return judgeMount(mount);
}

const NFS4 = 'rw,vers=4.2,rsize=1048576,hard,proto=tcp,acregmax=60,local_lock=none';

void t.test('options', (t) => {
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ['nfs4', NFS4, 'fine', /\/s \(nfs4, filer:\/mail\)/],
    ['nfs4', `${NFS4},nconnect=4,nolock`, 'fine', /nfs4/],
    ['nfs4', `${NFS4},lookupcache=pos`, 'fine', /nfs4/],
    ['nfs4', `${NFS4},nocto`, 'refused', /nocto/],
    ['nfs4', NFS4.replace('hard', 'soft'), 'warned', /^.*: soft/],
    ['nfs4', NFS4.replace('hard', 'softerr'), 'warned', /^.*: soft/],
    ['nfs4', NFS4.replace('acregmax=60', 'acregmax=0'), 'warned', /noac/],
    ['nfs4', `${NFS4},noac`, 'warned', /noac/],
    ['nfs4', `${NFS4},lookupcache=none`, 'warned', /lookupcache/],
    ['nfs4', `${NFS4},sync`, 'warned', /sync/],
    ['nfs', 'rw,vers=3,hard,proto=tcp', 'warned', /version 3/],
    ['nfs', 'rw,vers=3,hard,proto=udp', 'refused', /udp/],
    ['nfs', 'rw,vers=2,hard,proto=tcp', 'refused', /exclusive/],
    ['ext4', 'rw,errors=remount-ro', 'fine', /ext4/],
    // Of a local file system they mean something else, or nothing.
    ['ext4', 'rw,sync,nocto,soft', 'fine', /ext4/],
    ['ext4', 'rw,nobarrier', 'warned', /barrier/],
    ['xfs', 'ro', 'refused', /read-only/],
    ['tmpfs', 'rw', 'warned', /lost/],
    ['fuse.sshfs', 'rw', 'warned', /nobody has tried/],
  ];
  for (const [type, options, verdict, what] of cases) {
    const found = judged(type, options);
    t.ok(
      found.some((each) => each.check === 'mount' && each.verdict === verdict && what.test(each.what)),
      `${type} ${options}: ${verdict} (${found.map((each) => `${each.verdict}: ${each.what}`).join('; ')})`,
    );
    t.ok(
      found.every((each) => each.verdict === 'fine' || (each.next ?? '') !== ''),
      'what to do is said',
    );
  }
  t.match(judged('nfs4', NFS4, 'ro'), [{ verdict: 'refused' }], 'read-only by the mount itself');
  t.equal(judged('nfs', 'rw,vers=3,soft,nocto,proto=tcp').length, 3, 'all that is wrong is told at once');
  t.match(judgeMount(undefined), [{ verdict: 'unknown' }]);
  t.end();
});

void t.test('the operator’s guide has every rule', async (t) => {
  const text = await readFile(GUIDE, 'utf8');
  for (const { option, verdict } of MOUNT_RULES) {
    const row = text.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${option}\``));
    t.ok(row?.includes(verdict), `${option}: ${verdict} (${row})`);
  }
});
