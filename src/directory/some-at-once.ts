/** A few at a time; after the first that fails no more begin, and it is thrown when those under way have come back. */
export async function someAtOnce<T>(
  atOnce: number,
  items: Iterable<T>,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failed: { readonly error: unknown } | undefined;
  const worker = async () => {
    for (let next = rest.next(); !next.done && failed === undefined; next = rest.next())
      await act(next.value).catch((error: unknown) => {
        failed ??= { error };
      });
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failed !== undefined) throw failed.error;
}
