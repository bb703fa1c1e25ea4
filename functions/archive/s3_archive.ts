/** The archive in S3. Every write is conditional; the bucket refuses any other (lib/constructs/evidence.ts). */
import {
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import * as v from 'valibot';
import { EpochMs } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import type { StoredObject } from '../../core/recording/verify.ts';
import type { Archive, Put } from './archive.ts';

/** If-None-Match: there is an object of that key. */
const PRECONDITION_FAILED = 412;
/** Somebody else is writing the same key at this moment; asked again, S3 says who was first. */
const CONFLICT = 409;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html advises to try again. */
const ATTEMPTS_MAX = 3;

export function makeS3Archive(client: S3Client, bucket: string): Archive {
  return {
    putOnce: (key, bytes) => putOnce(client, bucket, key, bytes),
    get: async (key) => {
      try {
        const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return (await answer.Body?.transformToByteArray()) ?? null;
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw unavailable('read', key, error);
      }
    },
    list: (prefix) => list(client, bucket, prefix),
  };
}

async function putOnce(
  client: S3Client,
  bucket: string,
  key: string,
  bytes: Uint8Array,
): Promise<Put> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // A bucket under Object Lock asks for a checksum; the client sends one of its own accord.
      await client.send(
        new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, IfNoneMatch: '*' }),
      );
      return 'created';
    } catch (error) {
      const status =
        error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
      if (status === PRECONDITION_FAILED) return 'exists';
      if (status !== CONFLICT || attempt === ATTEMPTS_MAX) throw unavailable('write', key, error);
    }
  }
}

async function* list(
  client: S3Client,
  bucket: string,
  prefix: string,
): AsyncGenerator<StoredObject> {
  try {
    for await (const page of paginateListObjectsV2(
      { client },
      { Bucket: bucket, Prefix: prefix },
    )) {
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        yield { key: Key, size: Size, modifiedAt: v.parse(EpochMs, LastModified?.getTime() ?? 0) };
      }
    }
  } catch (error) {
    throw unavailable('list', prefix, error);
  }
}

function unavailable(verb: string, key: string, cause: unknown): GatewayError {
  const why = cause instanceof Error ? cause.name : 'no reason given';
  return new GatewayError('ERR_ARCHIVE_UNAVAILABLE', `Cannot ${verb} "${key}": ${why}`, { cause });
}
