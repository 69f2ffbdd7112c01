/** The look of `doctor` at the bucket. */
import type { Config } from '../config/schema.ts';
import type { Diagnosis } from './diagnoses.ts';
import { s3Connection } from './open-blobs.ts';

/** Each right that the store needs is tried; what is made for that is removed. Nothing when blobs are on the disk. */
export async function checkBucket(config: Config): Promise<Diagnosis[]> {
  const connection = s3Connection(config);
  if (connection === null) return [];
  const [{ connectBucket }, { S3Keys }, { tryRights }] = await Promise.all([
    import('../blobs/s3/open.ts'),
    import('../blobs/s3/keys.ts'),
    import('../blobs/s3/try-rights.ts'),
  ]);
  const bucket = connectBucket(connection);
  try {
    const tried = await tryRights(bucket, new S3Keys(connection.prefix));
    const wrong = tried.find((one) => one.problem !== null);
    const works = tried.filter((one) => one.problem === null).map((one) => one.right);
    if (wrong === undefined)
      return [{ subject: 'bucket', verdict: 'good', found: `${config.blobs}: ${works.join(', ')}` }];
    return [
      {
        subject: 'bucket',
        verdict: 'bad',
        found: `${config.blobs}: cannot ${wrong.right}${works.length === 0 ? '' : `; can ${works.join(', ')}`}`,
        advice: wrong.problem ?? '',
      },
    ];
  } finally {
    bucket.client.destroy();
  }
}
