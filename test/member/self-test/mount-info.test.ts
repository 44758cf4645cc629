/** /proc/self/mountinfo: what the kernel writes, and anything else. */
import fc from 'fast-check';
import t from 'tap';
import { mountOf, optionValue, parseMountInfo } from '../../../src/member/self-test/mount-info.ts';

const TEXT = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
30 22 0:26 / /proc rw,nosuid shared:5 master:1 - proc proc rw
41 22 0:40 / /var/postern/SharedDomains rw,relatime shared:20 - nfs4 10.0.4.9:/mail rw,vers=4.2,rsize=1048576,hard,proto=tcp,local_lock=none
42 22 0:41 / /mnt/with\\040a\\134space rw - nfs filer:/a\\040b rw,vers=3,nocto
43 41 254:0 /x /var/postern/SharedDomains/fast rw - ext4 /dev/vda rw
`;

void t.test('lines of the kernel', (t) => {
  const mounts = parseMountInfo(TEXT);
  t.equal(mounts.length, 5);
  t.same(mounts[2], {
    point: '/var/postern/SharedDomains',
    type: 'nfs4',
    source: '10.0.4.9:/mail',
    options: ['rw', 'relatime', 'vers=4.2', 'rsize=1048576', 'hard', 'proto=tcp', 'local_lock=none'],
  });
  t.match(mounts[3], { point: '/mnt/with a\\space', source: 'filer:/a b' });
  t.equal(optionValue(mounts[2]!, 'vers'), '4.2');
  t.equal(optionValue(mounts[2]!, 'ver'), undefined);
  t.end();
});

void t.test('the mount that holds a path', (t) => {
  const mounts = parseMountInfo(TEXT);
  const cases: readonly (readonly [string, string])[] = [
    ['/var/postern/SharedDomains', '/var/postern/SharedDomains'],
    ['/var/postern/SharedDomains/a.example', '/var/postern/SharedDomains'],
    ['/var/postern/SharedDomains/fast/x', '/var/postern/SharedDomains/fast'],
    ['/var/postern/SharedDomains.old', '/'],
    ['/', '/'],
  ];
  for (const [path, point] of cases) t.equal(mountOf(path, mounts)?.point, point, path);
  t.equal(mountOf('/x', []), undefined);
  const over = parseMountInfo(`${TEXT}50 41 0:50 / /var/postern/SharedDomains rw - tmpfs none rw\n`);
  t.equal(mountOf('/var/postern/SharedDomains', over)?.type, 'tmpfs', 'the one on top');
  t.end();
});

void t.test('anything is a list, and what is written is read', (t) => {
  const piece = fc.constantFrom(' - ', ' ', '\n', '\\040', '\\', '/', 'nfs4', 'rw,', 'a', '1', '\\0');
  const text = fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (any) => {
      for (const { point, type, source, options } of parseMountInfo(any))
        if ([point, type, source, ...options].some((each) => typeof each !== 'string')) throw new Error(any);
    }),
    { seed: 11, numRuns: 400 },
  );
  const name = fc.stringMatching(/^[ -~]{1,20}$/);
  const escaped = (plain: string): string =>
    plain.replaceAll(/[\\ \t\n]/g, (each) => `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`);
  fc.assert(
    fc.property(name, name, (point, source) => {
      const line = `1 2 3:4 / /${escaped(point)} rw shared:1 - nfs4 ${escaped(source)} rw,hard`;
      const [read] = parseMountInfo(line);
      return read?.point === `/${point}` && read.source === source && read.options.join() === 'rw,hard';
    }),
    { seed: 12, numRuns: 300 },
  );
  t.pass('seeds 11 and 12');
  t.end();
});
