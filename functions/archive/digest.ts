/**
 * Signs the list of what was archived since the last digest. It must find every object exactly once, so
 * it goes by the store's own times, looks back over more than a write can take, and leaves out what the
 * digests of that time hold already.
 */
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import { EpochMs } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/recording/chain.ts';
import { dateOf } from '../../core/recording/columns.ts';
import {
  compareDigestKeys,
  DIGESTS,
  type Digest,
  type DigestDocument,
  type DigestKey,
  digestKey,
  parseDigest,
  parseDigestKey,
  type SignedObject,
  signedText,
} from '../../core/recording/digest.ts';
import { EVENTS, QUARANTINE, RECORDINGS } from '../../core/recording/segment.ts';
import type { StoredObject } from '../../core/recording/verify.ts';
import type { Archive, Log } from './archive.ts';
import { makeKmsSigner, type Signer } from './kms_signer.ts';
import { consoleLog, variable } from './lambda_env.ts';
import { makeS3Archive } from './s3_archive.ts';
import { sha256Native } from './sha256.ts';

export interface DigestDeps {
  readonly archive: Archive;
  readonly signer: Signer;
  readonly sha256: Sha256;
  readonly now: () => EpochMs;
  readonly log: Log;
  /** Whether to sign a list of nothing too: it proves that nothing was archived, and that this runs. */
  readonly signsEmpty: boolean;
}

export type DigestResult =
  | { readonly kind: 'signed'; readonly key: string; readonly objects: number }
  | { readonly kind: 'nothing-new' };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** No write takes longer between the time that the store gives it and its being listed. */
const OVERLAP_MS = HOUR_MS;
/**
 * How old the date in a new object's key may be. The stream keeps events for 7 days, and a session's
 * recording stays under the day of its start; `verify` names what comes later than that.
 */
const LATE_DAYS = 10;
/** Objects read at once. */
const READS_MAX = 16;

interface Newest {
  readonly place: DigestKey;
  readonly bytes: Uint8Array;
  readonly document: DigestDocument;
}

/** @throws GatewayError ERR_ARCHIVE_CORRUPT where the last digest is not one of ours any more */
export function makeHandler(deps: DigestDeps): (event: unknown) => Promise<DigestResult> {
  return async () => {
    const { archive, log, sha256 } = deps;
    const places = await digestPlaces(archive);
    const newest = await readNewest(archive, places);
    // Before listing: what is archived meanwhile is newer than this digest, and left to the next one.
    // Never before the last one, whatever the clock says: keys sort as digests were signed.
    const at = v.parse(EpochMs, Math.max(deps.now(), newest?.document.at ?? 0));
    const found = await findNew(deps, places, newest);
    if (found.length === 0 && !deps.signsEmpty) return { kind: 'nothing-new' };
    const objects = await hashAll(deps, found);
    const { part = 0 } =
      places.findLast(({ hour }) => hour === Math.floor(at / HOUR_MS) * HOUR_MS) ?? {};
    const document: DigestDocument = {
      v: 1,
      key: digestKey(at, part + 1),
      number: newest === null ? 0 : newest.document.number + 1,
      at,
      previous: newest && { key: newest.place.key, sha256: sha256(newest.bytes) },
      objects,
    };
    const { signature } = await deps.signer.sign(signedText(sha256, document));
    const digest: Digest = {
      document,
      signature: Buffer.from(signature).toString('base64'),
    };
    const put = await archive.putOnce(document.key, Buffer.from(JSON.stringify(digest)));
    if (put === 'exists') {
      throw new GatewayError('ERR_ARCHIVE_UNAVAILABLE', `"${document.key}" was signed meanwhile`, {
        hint: 'Another run was faster; the next one goes on from there',
      });
    }
    const { key, number } = document;
    log.info('digest.signed', { key, number, objects: objects.length });
    return { kind: 'signed', key, objects: objects.length };
  };
}

async function digestPlaces(archive: Archive): Promise<readonly DigestKey[]> {
  const places: DigestKey[] = [];
  for await (const { key } of archive.list(DIGESTS)) {
    const place = parseDigestKey(key);
    if (place !== null) places.push(place);
  }
  return places.sort(compareDigestKeys);
}

async function readNewest(archive: Archive, places: readonly DigestKey[]): Promise<Newest | null> {
  const place = places.at(-1);
  if (place === undefined) return null;
  const bytes = await archive.get(place.key);
  const digest = bytes && parseDigest(bytes);
  if (bytes === null || digest === null || digest.document.key !== place.key) {
    throw new GatewayError('ERR_ARCHIVE_CORRUPT', `"${place.key}" is not a digest any more`, {
      hint: 'Somebody changed the archive: run sallyport verify, and keep a copy',
    });
  }
  return { place, bytes, document: digest.document };
}

/** Sorted by key. */
async function findNew(
  { archive }: DigestDeps,
  places: readonly DigestKey[],
  newest: Newest | null,
): Promise<readonly StoredObject[]> {
  const since = newest === null ? 0 : newest.document.at - OVERLAP_MS;
  const signed = await signedSince(archive, places, since);
  const found: StoredObject[] = [];
  for (const prefix of prefixesSince(newest)) {
    for await (const object of archive.list(prefix)) {
      if (object.modifiedAt >= since && !signed.has(object.key)) found.push(object);
    }
  }
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** What any digest holds that may have been signed after `since`. */
async function signedSince(
  archive: Archive,
  places: readonly DigestKey[],
  since: number,
): Promise<ReadonlySet<string>> {
  const signed = new Set<string>();
  for (const { key } of places.filter(({ hour }) => hour + HOUR_MS >= since)) {
    const bytes = await archive.get(key);
    const digest = bytes && parseDigest(bytes);
    // A damaged one is verify's to report; what it held is signed again here.
    for (const object of digest?.document.objects ?? []) signed.add(object.key);
  }
  return signed;
}

function prefixesSince(newest: Newest | null): readonly string[] {
  if (newest === null) return [RECORDINGS, EVENTS, QUARANTINE];
  const { at } = newest.document;
  // A day ahead: clocks of the fleet, whose time is in the key, may be a little fast.
  const days = Array.from({ length: LATE_DAYS + 2 }, (_, i) => dateOf(at + (1 - i) * DAY_MS));
  const dated = [RECORDINGS, EVENTS].flatMap((prefix) => days.map((day) => `${prefix}dt=${day}/`));
  return [...dated, QUARANTINE];
}

async function hashAll(
  { archive, sha256 }: DigestDeps,
  found: readonly StoredObject[],
): Promise<readonly SignedObject[]> {
  const signed: SignedObject[] = [];
  const rest = found.entries();
  const worker = async () => {
    for (const [i, { key }] of rest) {
      const bytes = await archive.get(key);
      if (bytes === null) {
        throw new GatewayError('ERR_ARCHIVE_UNAVAILABLE', `Cannot read "${key}", which is listed`);
      }
      signed[i] = { key, size: bytes.length, sha256: sha256(bytes) };
    }
  };
  await Promise.all(Array.from({ length: READS_MAX }, worker));
  return signed;
}

/** @throws GatewayError ERR_CONFIG_INVALID where ARCHIVE_BUCKET or DIGEST_KEY_ID is not set */
export function makeDeps(env: Readonly<Record<string, string | undefined>>): DigestDeps {
  const bucket = variable(env, 'ARCHIVE_BUCKET');
  const key = variable(env, 'DIGEST_KEY_ID');
  return {
    archive: makeS3Archive(new S3Client({}), bucket),
    signer: makeKmsSigner(new KMSClient({}), key),
    sha256: sha256Native,
    now: () => v.parse(EpochMs, Date.now()),
    log: consoleLog,
    signsEmpty: true,
  };
}

let live: ((event: unknown) => Promise<DigestResult>) | null = null;

/** What AWS Lambda calls, once an hour. Built on first use, so that importing needs no environment. */
export async function handler(event: unknown): Promise<DigestResult> {
  live ??= makeHandler(makeDeps(process.env));
  return live(event);
}
