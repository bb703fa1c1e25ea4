/** Waits for something, but not for ever. */

/**
 * Rejects with `late()` after `deadlineMs`, whether or not the work minds its signal: a hung connection
 * must not hold up whoever waits.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  deadlineMs: number,
  late: () => Error = () => new Error(`No answer within ${deadlineMs} ms`),
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(late());
      controller.abort();
    }, deadlineMs);
  });
  try {
    return await Promise.race([work(controller.signal), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
