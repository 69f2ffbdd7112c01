/** A bucket for a cluster: Swift on this machine, and what nodes have to be told to use it. */
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { connectBucket } from '../../packages/server/src/blobs/s3/open.ts';
import { systemClock } from '../../packages/server/src/platform/system-clock.ts';
import { startSwift } from '../../packages/server/src/testing/swift.ts';

const bucket = 'media';

export interface ClusterBucket extends AsyncDisposable {
  /** As `--blobs` takes it. */
  readonly blobs: string;
  readonly env: Readonly<Record<string, string>>;
  /** Kills the store, and starts it again over what it kept. */
  restart(): Promise<void>;
}

export async function startBucket(): Promise<ClusterBucket> {
  const swift = await startSwift();
  const { endpoint, region, credentials } = swift;
  const { client } = connectBucket({
    bucket,
    prefix: '',
    endpoint,
    region,
    credentials,
    pathStyle: true,
    checksums: 'none',
    encryption: { kind: 'none' },
    clock: systemClock,
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    await swift.stop();
    throw error;
  } finally {
    client.destroy();
  }
  return {
    blobs: `s3://${bucket}/cluster`,
    env: {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      HOLDFAST_S3_ENDPOINT: endpoint,
      HOLDFAST_S3_REGION: region,
      HOLDFAST_S3_PATH_STYLE: 'true',
    },
    restart: () => swift.restart(),
    [Symbol.asyncDispose]: () => swift.stop(),
  };
}
