/** The chain of digests: which are ours, whether any is missing, and what they say was archived. */
import type { EpochMs, Sha256Hex } from '../brand.ts';
import type { Sha256 } from './chain.ts';
import {
  DIGESTS,
  type Digest,
  parseDigest,
  parseDigestKey,
  type SignedObject,
  signedText,
} from './digest.ts';
import type { ArchiveReader, Finding } from './verify.ts';

export interface DigestCheck {
  readonly findings: readonly Finding[];
  readonly count: number;
  readonly newestAt: EpochMs | null;
  /** By key: what good digests say. */
  readonly signed: ReadonlyMap<string, SignedObject>;
  /** Keys that only digests with a wrong signature name. Nothing of them is known for sure. */
  readonly unproven: ReadonlySet<string>;
}

export interface DigestCheckDeps {
  readonly archive: ArchiveReader;
  readonly sha256: Sha256;
  /** @param signature in base64 */
  readonly isSigned: (text: string, signature: string) => boolean;
}

interface Read {
  readonly key: string;
  /** Of the whole object. */
  readonly sha256: Sha256Hex;
  readonly digest: Digest;
  readonly isGood: boolean;
}

export async function checkDigests(deps: DigestCheckDeps): Promise<DigestCheck> {
  const findings: Finding[] = [];
  const reads: Read[] = [];
  for await (const { key } of deps.archive.list(DIGESTS)) {
    const read = await readDigest(deps, key, findings);
    if (read !== null) reads.push(read);
  }
  reads.sort((a, b) => a.digest.document.number - b.digest.document.number);
  reads.forEach((read, i) => {
    findings.push(...checkLink(reads[i - 1], read));
  });
  const good = reads.filter(({ isGood }) => isGood);
  const signed = new Map(objectsOf(good).map((object) => [object.key, object]));
  const claimed = objectsOf(reads.filter(({ isGood }) => !isGood)).map(({ key }) => key);
  return {
    findings,
    count: good.length,
    newestAt: good.at(-1)?.digest.document.at ?? null,
    signed,
    unproven: new Set(claimed.filter((key) => !signed.has(key))),
  };
}

function objectsOf(reads: readonly Read[]): readonly SignedObject[] {
  // Newest first, so that the oldest statement about a key is the one that counts.
  return reads.toReversed().flatMap(({ digest }) => digest.document.objects);
}

async function readDigest(
  { archive, sha256, isSigned }: DigestCheckDeps,
  key: string,
  findings: Finding[],
): Promise<Read | null> {
  if (parseDigestKey(key) === null) {
    findings.push(about('object-foreign', key, 'No digest has such a name'));
    return null;
  }
  const bytes = await archive.get(key);
  const digest = bytes && parseDigest(bytes);
  if (bytes === null || digest === null) {
    findings.push(about('digest-invalid', key, 'It is listed and cannot be read as a digest'));
    return null;
  }
  const isGood =
    digest.document.key === key && isSigned(signedText(sha256, digest.document), digest.signature);
  if (!isGood) {
    const why =
      digest.document.key === key ? 'Its signature does not fit' : 'It was signed for another name';
    findings.push(about('digest-invalid', key, why));
  }
  return { key, sha256: sha256(bytes), digest, isGood };
}

function checkLink(last: Read | undefined, { key, digest }: Read): readonly Finding[] {
  const { number, previous } = digest.document;
  const expected = last === undefined ? 0 : last.digest.document.number + 1;
  if (number < expected) {
    return [about('digest-broken', key, `Another digest has its number, ${number}`)];
  }
  if (number > expected) {
    const missing =
      number - expected === 1
        ? `Digest ${expected} is`
        : `Digests ${expected} to ${number - 1} are`;
    return [about('digest-missing', previous?.key ?? key, `${missing} missing before "${key}"`)];
  }
  if (previous?.key === last?.key && previous?.sha256 === last?.sha256) return [];
  const detail = `The digest after it, "${key}", was made for other content`;
  return [about('digest-broken', last?.key ?? key, detail)];
}

function about(kind: Finding['kind'], key: string, detail: string): Finding {
  return { kind, key, session: null, seq: null, detail };
}
