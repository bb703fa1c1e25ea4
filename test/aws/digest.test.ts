/** Archive and digest functions on S3, Kinesis and KMS, proven with the public key that KMS gives out. */

import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { CreateKeyCommand, GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { verifyArchive } from '../../bin/archive/verify.ts';
import { makeHandler as makeDigestHandler } from '../../functions/archive/digest.ts';
import { makeHandler } from '../../functions/archive/handler.ts';
import { makeKmsSigner } from '../../functions/archive/kms_signer.ts';
import { makeS3Archive } from '../../functions/archive/s3_archive.ts';
import { makeKinesisClient, makeKinesisStream } from '../../proxy/recorder/kinesis_stream.ts';
import { recordSession } from '../support/recorded_sessions.ts';
import { eventsOf, memoryLog, ms, session, sha256 } from '../support/recording.ts';
import { describeAdapter, fresh } from './endpoint.ts';

describeAdapter('evidence', () => {
  test('is archived once, signed by KMS, and proven', async () => {
    const s3 = new S3Client({ forcePathStyle: true });
    const Bucket = fresh('evidence');
    await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
    const archive = makeS3Archive(s3, Bucket);
    const log = memoryLog();
    const recorded = recordSession(session({ at: Date.now() - 60_000 }));
    const data = Buffer.from(recorded.lines.map((line) => `${line}\n`).join('')).toString('base64');
    const record = { eventID: 'shardId-000000000000:1', kinesis: { sequenceNumber: '1', data } };
    const handle = makeHandler({ archive, sha256, log });
    for (let i = 0; i < 2; i += 1) await handle({ Records: [record] });

    const kms = new KMSClient({});
    const usage = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' } as const;
    const { KeyMetadata } = await kms.send(new CreateKeyCommand(usage));
    const KeyId = KeyMetadata?.KeyId ?? '';
    const signer = makeKmsSigner(kms, KeyId);
    const now = () => ms(Date.now());
    await makeDigestHandler({ archive, signer, sha256, now, log, signsEmpty: true })({});
    const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
    const der = Buffer.from(PublicKey ?? []).toString('base64');
    const publicKeyPem = `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`;
    expect(await verifyArchive({ archive, publicKeyPem, now: now() })).toMatchObject({
      findings: [],
      objects: { signed: 3, pending: 0 },
      sessions: { ended: 1, open: 0 },
    });
    s3.destroy();
    kms.destroy();
  });

  test('is put on the stream by the real client', async () => {
    const client = makeKinesisClient();
    const StreamName = fresh('events');
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
    await waitUntilStreamExists({ client, maxWaitTime: 20 }, { StreamName });
    const { lines, events, session: live } = recordSession(session());
    const stream = makeKinesisStream(client, StreamName, memoryLog());
    await stream.put(lines.map((line) => ({ key: live.id, data: Buffer.from(`${line}\n`) })));
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({
        StreamName,
        ShardId: 'shardId-000000000000',
        ShardIteratorType: 'TRIM_HORIZON',
      }),
    );
    const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator }));
    expect(Records.flatMap(({ Data }) => eventsOf(Data ?? new Uint8Array()))).toEqual(events);
    client.destroy();
  });
});
