/** `verify` of core with Node's cryptography and decompression: needs the objects and the public key alone. */
import { createPublicKey, verify as verifySignature } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import type { EpochMs } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Row } from '../../core/recording/columns.ts';
import { type ArchiveReader, type Report, verify } from '../../core/recording/verify.ts';
import { sha256Native } from '../../functions/archive/sha256.ts';

/** A segment is one batch of at most 6 MB; what unpacks to more than this is not ours. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;

/**
 * @param input.publicKeyPem the public half of the key that signs digests (ECDSA, P-256)
 * @throws GatewayError ERR_CONFIG_INVALID where that is no such key
 */
export async function verifyArchive(input: {
  readonly archive: ArchiveReader;
  readonly publicKeyPem: string;
  readonly now: EpochMs;
}): Promise<Report> {
  const key = readPublicKey(input.publicKeyPem);
  return verify({
    archive: input.archive,
    now: input.now,
    sha256: sha256Native,
    isSigned: (text, signature) => {
      const bytes = Buffer.from(signature, 'base64');
      // Base64 has spare bits at its end: only the spelling that was stored is taken.
      return (
        bytes.toString('base64') === signature &&
        verifySignature('sha256', Buffer.from(text), key, bytes)
      );
    },
    decompress: (bytes) => unpack(bytes).toString('utf8'),
    readRows,
  });
}

function readPublicKey(pem: string) {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch {
    // Not a key at all: told below, like one of another kind.
  }
  throw new GatewayError(
    'ERR_CONFIG_INVALID',
    'Not a public key of digests: ECDSA over P-256, in PEM',
    {
      hint: 'aws kms get-public-key gives it for a deployed gateway; npm start keeps its own beside the archive',
    },
  );
}

function unpack(bytes: Uint8Array): Buffer {
  return zstdDecompressSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
}

async function readRows(bytes: Uint8Array): Promise<readonly Row[]> {
  // A copy, because the reader takes a whole ArrayBuffer and Node's buffers share one.
  return parquetReadObjects({ file: new Uint8Array(bytes).buffer, compressors: { ZSTD: unpack } });
}
