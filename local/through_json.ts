/** What a Lambda gets and gives goes through JSON; a handler in this process is called the same way. */
export function throughJson<T>(
  handler: (event: unknown) => Promise<T>,
): (event: unknown) => Promise<T> {
  // `undefined` has no JSON: it becomes absent, as it would on the way to a Lambda.
  const copy = (value: unknown) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));
  return async (event) => copy(await handler(copy(event)));
}
