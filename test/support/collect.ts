/** All that an asynchronous iterable has. */
export async function collect<T>(iterable: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of iterable) all.push(item);
  return all;
}

export async function keysOf(
  iterable: AsyncIterable<{ readonly key: string }>,
): Promise<readonly string[]> {
  return (await collect(iterable)).map(({ key }) => key).sort();
}
