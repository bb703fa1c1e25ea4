/**
 * The gateway's own cancellation keys. A CancelRequest comes on a connection of its own, so it finds
 * its session here. Known to this task alone: behind a load balancer it has to reach the same task.
 */
import { randomInt } from 'node:crypto';

export interface CancelKey {
  readonly process: number;
  readonly secret: number;
}

export interface CancelKeys {
  readonly register: (cancel: () => void) => CancelKey;
  readonly forget: (key: CancelKey) => void;
  /** Silent where the key is wrong, as PostgreSQL is. */
  readonly cancel: (process: number, secret: number) => void;
}

/** Positive Int32, for drivers print it as a process id. */
const PROCESS_MAX = 0x7fffffff;
const SECRET_RANGE = 0x100000000;

export function makeCancelKeys(): CancelKeys {
  const known = new Map<number, { readonly secret: number; readonly cancel: () => void }>();
  return {
    register: (cancel) => {
      let process = randomInt(1, PROCESS_MAX);
      while (known.has(process)) process = randomInt(1, PROCESS_MAX);
      const secret = randomInt(SECRET_RANGE) | 0;
      known.set(process, { secret, cancel });
      return { process, secret };
    },
    forget: (key) => {
      known.delete(key.process);
    },
    cancel: (process, secret) => {
      const found = known.get(process);
      if (found?.secret === secret) found.cancel();
    },
  };
}
