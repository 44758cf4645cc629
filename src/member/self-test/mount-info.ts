/** `/proc/self/mountinfo` (proc(5)): which mount holds a path, of what type and with which options. Pure. */

export interface MountInfo {
  readonly point: string;
  /** `nfs4`, `ext4`, `fuse.sshfs` … */
  readonly type: string;
  /** `server:/export`, a device, or anything else. */
  readonly source: string;
  /** Of the mount and of its file system, each once: `rw`, `hard`, `vers=4.2` … */
  readonly options: readonly string[];
}

/** Before the separator: ids, device, root, mount point, options, then any number of optional fields. */
const FIELDS_BEFORE = 6;
const SEPARATOR = ' - ';

/** Lines that are none are passed over. */
export function parseMountInfo(text: string): readonly MountInfo[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): MountInfo | undefined {
  const separator = line.indexOf(SEPARATOR);
  if (separator < 0) return undefined;
  const before = line.slice(0, separator).split(' ');
  const [type, source, superOptions] = line.slice(separator + SEPARATOR.length).split(' ');
  const [, , , , point, options] = before;
  if (before.length < FIELDS_BEFORE || point === undefined || options === undefined) return undefined;
  if (type === undefined || source === undefined || superOptions === undefined) return undefined;
  const all = new Set([...options.split(','), ...superOptions.split(',')]);
  return { point: unescape(point), type, source: unescape(source), options: [...all].filter(Boolean) };
}

/** The kernel writes space, tab, line feed and backslash as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8) & 0xff),
  );
}

/** The mount that holds an absolute path without links: the longest mount point, and of equal ones the last, which lies on top. */
export function mountOf(path: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  let found: MountInfo | undefined;
  for (const mount of mounts) {
    const prefix = mount.point.endsWith('/') ? mount.point : `${mount.point}/`;
    if (!`${path}/`.startsWith(prefix)) continue;
    if (found === undefined || mount.point.length >= found.point.length) found = mount;
  }
  return found;
}

/** The value of `name=value`; undefined where it is not given. */
export function optionValue({ options }: MountInfo, name: string): string | undefined {
  return options.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
}
