/** Who a browser says it is. Kept in memory: a restart asks again. */
import { randomBytes } from 'node:crypto';

const COOKIE = 'sallyport_page';
/** Browsers remembered; the oldest is asked again. */
const BROWSERS_MAX = 100;

export interface People {
  readonly of: (cookieHeader: string | undefined) => string | null;
  /** The Set-Cookie header of a browser that has said who it is. */
  readonly enter: (subject: string) => string;
  readonly leave: (cookieHeader: string | undefined) => string;
}

const ATTRIBUTES = 'Path=/; HttpOnly; SameSite=Strict';

export function makePeople(): People {
  const browsers = new Map<string, string>();
  return {
    of: (header) => browsers.get(idOf(header)) ?? null,
    enter: (subject) => {
      const id = randomBytes(32).toString('base64url');
      browsers.set(id, subject);
      const oldest = browsers.keys().next();
      if (browsers.size > BROWSERS_MAX && oldest.done !== true) browsers.delete(oldest.value);
      return `${COOKIE}=${id}; ${ATTRIBUTES}`;
    },
    leave: (header) => {
      browsers.delete(idOf(header));
      return `${COOKIE}=; ${ATTRIBUTES}; Max-Age=0`;
    },
  };
}

function idOf(header: string | undefined): string {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([name]) => name === COOKIE)?.[1] ?? '';
}
