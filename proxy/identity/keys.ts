/**
 * An issuer's public keys: found by OIDC discovery, kept, followed when they rotate, and good for a named
 * time while the issuer cannot be reached.
 */
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose';
import { GatewayError } from '../../core/errors.ts';
import type { Clock, Log } from '../services.ts';

/** After this long the keys are asked for again, so that a withdrawn one stops working. */
export const KEYS_FRESH_MS = 5 * 60_000;
/** While the issuer cannot be reached, its last keys go on for this long; then nobody signs in. */
export const KEYS_OUTAGE_MS = 60 * 60_000;
/** An unknown key id asks again at most this often: tokens made up by strangers must not flood an issuer. */
export const KEYS_COOLDOWN_MS = 30_000;
/** One request of the two that a refresh makes. A client waits for it inside its own sign-in. */
export const KEYS_TIMEOUT_MS = 3_000;
/** Real key sets are a few kilobytes. */
export const KEYS_DOCUMENT_MAX = 256 * 1024;

/** Picks the key for a token; the shape that jose's jwtVerify takes. */
export type FindKey = (
  header?: JWSHeaderParameters,
  token?: FlattenedJWSInput,
) => Promise<CryptoKey>;

export interface KeysOptions {
  readonly issuer: string;
  readonly fetch: (url: string, signal: AbortSignal) => Promise<Response>;
  readonly clock: Clock;
  readonly log: Log;
}

type LocalKeys = ReturnType<typeof createLocalJWKSet>;

/** Rejects with ERR_IDENTITY_UNAVAILABLE when it has no keys it may still trust. */
export function makeIssuerKeys(options: KeysOptions): FindKey {
  const { clock, log } = options;
  let keys: LocalKeys | null = null;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let failure: unknown = null;
  let refreshing: Promise<void> | null = null;

  const fetchOnce = async () => {
    triedAt = clock.monotonic();
    try {
      keys = createLocalJWKSet(await fetchKeys(options));
      fetchedAt = clock.monotonic();
      failure = null;
    } catch (error) {
      // Not fatal by itself: the keys that are here may go on for KEYS_OUTAGE_MS.
      failure = error;
      log.warn('identity.keys-unavailable', { issuer: options.issuer, error: String(error) });
    }
  };
  const refresh = (): Promise<void> => {
    refreshing ??= fetchOnce().finally(() => {
      refreshing = null;
    });
    return refreshing;
  };
  const mayTry = () => clock.monotonic() - triedAt >= KEYS_COOLDOWN_MS;
  const usable = (): LocalKeys => {
    if (keys !== null && clock.monotonic() - fetchedAt <= KEYS_OUTAGE_MS) return keys;
    throw new GatewayError('ERR_IDENTITY_UNAVAILABLE', 'Cannot get the keys of the issuer', {
      hint: `Check that ${options.issuer} answers`,
      cause: failure,
    });
  };

  return async (header, token) => {
    const stale = clock.monotonic() - fetchedAt > KEYS_FRESH_MS;
    if (refreshing !== null || (stale && mayTry())) await refresh();
    try {
      return await usable()(header, token);
    } catch (error) {
      const unknown = error instanceof errors.JWKSNoMatchingKey;
      if (!unknown || !mayTry()) throw error;
      // The issuer may have begun to sign with a key that is newer than ours.
      await refresh();
      return usable()(header, token);
    }
  };
}

async function fetchKeys(options: KeysOptions): Promise<JSONWebKeySet> {
  const base = options.issuer.replace(/\/$/, '');
  const discovery = await fetchJson(options, `${base}/.well-known/openid-configuration`);
  // OpenID Connect Discovery 1.0 section 4.3: the issuer must be the one that was asked.
  if (discovery['issuer'] !== options.issuer) throw new Error('discovery names another issuer');
  const url = discovery['jwks_uri'];
  if (typeof url !== 'string' || !isTrustworthy(url)) {
    throw new Error('jwks_uri is not an https URL');
  }
  const set = await fetchJson(options, url);
  const keys = set['keys'];
  if (!Array.isArray(keys)) throw new Error('the key set has no "keys"');
  // A shared secret in a public document is no key at all.
  return { keys: keys.filter((key) => key?.kty !== 'oct') };
}

/** https, or plain HTTP on this very machine. */
export function isTrustworthy(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && hostname === '127.0.0.1');
}

async function fetchJson(options: KeysOptions, url: string): Promise<Record<string, unknown>> {
  const response = await options.fetch(url, AbortSignal.timeout(KEYS_TIMEOUT_MS));
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
  const parsed: unknown = JSON.parse(await readBounded(response, url));
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`${url} is not an object`);
  return parsed as Record<string, unknown>;
}

async function readBounded(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > KEYS_DOCUMENT_MAX) throw new Error(`${url} is longer than ${KEYS_DOCUMENT_MAX}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The `fetch` of a real process. A redirect could lead to a place that nobody configured. */
export function fetchDocument(url: string, signal: AbortSignal): Promise<Response> {
  return fetch(url, { signal, redirect: 'error' });
}
