/** Signs what is new in the archive, every now and then and once more at the end. */
import type { DigestResult } from '../functions/archive/digest.ts';
import type { Log } from '../proxy/services.ts';

export interface Digests {
  /** Signs what is new now. Never rejects: what failed is logged, and tried again with the next. */
  readonly sign: () => Promise<void>;
  /** Signs a last time. Call it when nothing more is archived. */
  readonly close: () => Promise<void>;
}

/** At home nobody waits an hour for proof; a digest of nothing is not made. */
const EVERY_MS_DEFAULT = 60_000;

export function startDigests(options: {
  readonly handler: (event: unknown) => Promise<DigestResult>;
  readonly log: Log;
  /** @default 60,000 */
  readonly everyMs?: number;
}): Digests {
  let running: Promise<void> = Promise.resolve();

  async function signNow(): Promise<void> {
    try {
      await options.handler({});
    } catch (error) {
      // Recording goes on without it; verify says what is not signed.
      options.log.error('digest.failed', { error: String(error) });
    }
  }

  /** One at a time: two would sign the same number. */
  function sign(): Promise<void> {
    running = running.then(signNow);
    return running;
  }

  const timer = setInterval(() => void sign(), options.everyMs ?? EVERY_MS_DEFAULT);
  timer.unref();
  void sign();
  return {
    sign,
    close: () => {
      clearInterval(timer);
      return sign();
    },
  };
}
