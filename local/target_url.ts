/** `postgres://user:password@host:port/database`: a target of the user's own. */
import { readFileSync } from 'node:fs';
import type { Upstream } from '../proxy/services.ts';

type Read =
  | { readonly kind: 'upstream'; readonly upstream: Upstream }
  /** Never repeats the URL: it holds a password. */
  | { readonly kind: 'problem'; readonly problem: string };

const POSTGRES_PORT = 5432;

export function readTargetUrl(text: string): Read {
  if (!URL.canParse(text)) return problem('that is no URL');
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    return problem('a URL begins with postgres://');
  }
  const database = decodeURIComponent(url.pathname.slice(1));
  if (url.hostname === '') return problem('the URL names no host');
  if (url.username === '') return problem('the URL names no user');
  if (database === '') return problem('the URL names no database: end it with /database');
  const unknown = [...url.searchParams.keys()].filter(
    (name) => name !== 'sslmode' && name !== 'sslrootcert',
  );
  if (unknown.length > 0) return problem(`the URL has unknown parameters: ${unknown.join(', ')}`);
  const tls = readTls(url);
  if (typeof tls === 'string') return problem(tls);
  return {
    kind: 'upstream',
    upstream: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? POSTGRES_PORT : Number(url.port),
      database,
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      tls,
    },
  };
}

/** Off the machine a password and the data travel under a verified certificate, or not at all. */
function readTls(url: URL): Upstream['tls'] | string {
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  const mode = url.searchParams.get('sslmode') ?? (loopback ? 'disable' : 'verify-full');
  if (mode === 'disable') {
    return loopback ? { mode: 'disable' } : 'sslmode=disable is for this machine alone';
  }
  if (mode !== 'verify-full') return 'sslmode is verify-full, or disable on this machine';
  const file = url.searchParams.get('sslrootcert');
  try {
    return { mode: 'verify-full', ca: file === null ? null : readFileSync(file, 'utf8') };
  } catch (error) {
    return `cannot read sslrootcert: ${(error as Error).message}`;
  }
}

function problem(text: string): Read {
  return { kind: 'problem', problem: text };
}
