/** `snapshot.<number>.<offset>.<epoch>`, epoch in hexadecimal: names of snapshots. Any other name is not ours. */
const NAME = /^snapshot\.([1-9]\d{0,14})\.([1-9]\d{0,15})\.([1-9a-f][0-9a-f]{0,13})$/;

export interface SnapshotName {
  readonly name: string;
  /** The file up to whose offset the snapshot holds everything. */
  readonly file: number;
  readonly offset: number;
}

export function snapshotName(file: number, offset: number, epoch: number): string {
  return `snapshot.${file}.${offset}.${epoch.toString(16)}`;
}

/** The snapshots among the names of a directory, the newest first. */
export function snapshotNames(names: readonly string[]): readonly SnapshotName[] {
  return names
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ name, file: Number(match[1]), offset: Number(match[2]) }];
    })
    .toSorted((a, b) => b.file - a.file || b.offset - a.offset);
}
