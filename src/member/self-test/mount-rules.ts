/**
 * What the cluster needs of a mount: one table (docs/operator.md, "Mounts", is its page, with what was measured). What is not
 * in it is fine. The rest of the self-test tries what no option tells.
 */
import { type MountInfo, optionValue } from './mount-info.ts';
import { type Finding, fine, refused, unknown, warned } from './types.ts';

interface Rule {
  /** As an operator writes it; the page has it too. */
  readonly option: string;
  readonly verdict: 'warned' | 'refused';
  readonly applies: (mount: MountInfo) => boolean;
  readonly why: string;
  readonly next: string;
}

const NFS = /^nfs[34]?$/;
/** Nothing of them is left when the machine is started again. */
const VOLATILE: readonly string[] = ['tmpfs', 'ramfs', 'overlay'];
/** Tried: by the tests, and every server of ours. */
const LOCAL: readonly string[] = ['ext4', 'xfs', 'btrfs', 'ext3', 'ext2', 'zfs', 'f2fs', 'bcachefs'];

const isNfs = ({ type }: MountInfo): boolean => NFS.test(type);
const has =
  (option: string) =>
  (mount: MountInfo): boolean =>
    mount.options.includes(option);
const nfsWith =
  (option: string) =>
  (mount: MountInfo): boolean =>
    isNfs(mount) && has(option)(mount);
/** Remounted with: these options. */
const remount = (options: string): string => `mount it with ${options}`;

/** The first rule of an option that applies is the one that is told. */
export const MOUNT_RULES: readonly Rule[] = [
  {
    option: 'ro',
    verdict: 'refused',
    applies: has('ro'),
    why: 'it is mounted read-only',
    next: remount('rw'),
  },
  {
    option: 'nocto',
    verdict: 'refused',
    applies: nfsWith('nocto'),
    why: 'nocto: what another backend has written is not looked for, so an owner would miss its predecessor’s commits',
    next: remount('cto, which is the default'),
  },
  {
    option: 'proto=udp',
    verdict: 'refused',
    applies: (mount) => isNfs(mount) && optionValue(mount, 'proto')?.startsWith('udp') === true,
    why: 'proto=udp: a repeated request may be carried out twice, and fragments of two datagrams may be joined unnoticed',
    next: remount('proto=tcp'),
  },
  {
    option: 'vers=2',
    verdict: 'refused',
    applies: (mount) => isNfs(mount) && optionValue(mount, 'vers')?.startsWith('2') === true,
    why: 'version 2 of NFS has no exclusive creation',
    next: remount('vers=4.2, or vers=3'),
  },
  {
    option: 'soft',
    verdict: 'warned',
    applies: (mount) => nfsWith('soft')(mount) || nfsWith('softerr')(mount),
    why: 'soft: each break of the network that is longer than timeo closes accounts that hard would only have kept waiting',
    next: remount('hard'),
  },
  {
    option: 'noac',
    verdict: 'warned',
    applies: (mount) => isNfs(mount) && (has('noac')(mount) || optionValue(mount, 'acregmax') === '0'),
    why: 'noac or actimeo=0: two to five times as many requests to the server, for nothing that this program needs',
    next: remount('neither noac nor actimeo=0'),
  },
  {
    option: 'lookupcache=none',
    verdict: 'warned',
    applies: nfsWith('lookupcache=none'),
    why: 'lookupcache=none: one request more for each part of a path, for nothing that this program needs',
    next: remount('lookupcache=all, which is the default'),
  },
  {
    option: 'sync',
    verdict: 'warned',
    applies: nfsWith('sync'),
    why: 'sync: what this program wants durable it says itself; snapshots and the like are slowed',
    next: remount('async, which is the default of a client'),
  },
  {
    option: 'vers=3',
    verdict: 'warned',
    applies: (mount) => isNfs(mount) && optionValue(mount, 'vers') === '3',
    why: 'version 3: what another backend did within one tick of the server’s clock may not be seen, so StorageFence covers less',
    next: remount('vers=4.2 where the server has it'),
  },
  {
    option: 'nobarrier',
    verdict: 'warned',
    applies: (mount) => has('nobarrier')(mount) || has('barrier=0')(mount),
    why: 'nobarrier: what the disk says is durable may be lost with its power',
    next: remount('barriers, which are the default, unless the disk has a battery'),
  },
];

/** The findings on a mount; at least one. `mount` is undefined where the system does not tell. */
export function judgeMount(mount: MountInfo | undefined): readonly Finding[] {
  if (mount === undefined) return [unknown('mount', 'the system does not tell what is mounted here')];
  const { type, source, point } = mount;
  const name = `${point} (${type}, ${source})`;
  const found = MOUNT_RULES.filter(({ applies }) => applies(mount)).map(({ verdict, why, next }) =>
    verdict === 'refused'
      ? refused('mount', `${name}: ${why}`, next)
      : warned('mount', `${name}: ${why}`, next),
  );
  if (VOLATILE.includes(type))
    found.push(
      warned(
        'mount',
        `${name}: everything on it is lost when the machine is started again`,
        'keep no mail there that anybody wants to have',
      ),
    );
  else if (!isNfs(mount) && !LOCAL.includes(type))
    found.push(
      warned(
        'mount',
        `${name}: nobody has tried this kind of file system`,
        'go by what the other checks say, here and on the other backends',
      ),
    );
  return found.length > 0 ? found : [fine('mount', name)];
}
