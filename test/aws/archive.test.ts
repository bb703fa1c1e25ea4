/** The archive on S3: the suite that the directory passes, against AWS_ENDPOINT_URL. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { makeS3Archive } from '../../functions/archive/s3_archive.ts';
import { archiveConformance } from '../conformance/archive.ts';
import { describeAdapter, fresh } from './endpoint.ts';

describeAdapter('S3', () => {
  archiveConformance('S3', async () => {
    const client = new S3Client({ forcePathStyle: true });
    const Bucket = fresh('archive');
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
    return {
      archive: makeS3Archive(client, Bucket),
      close: () => Promise.resolve(client.destroy()),
    };
  });
});
