/** A store of objects until it is told to stop: `stub` or `swift`. Tells where it is by a message. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

const dist = '../../packages/server/dist/testing';
const starts = {
  stub: async () => {
    const { S3Stub } = await import(`${dist}/s3-stub/stub.js`);
    const { bucket, endpoint, credentials } = await S3Stub.start();
    return { bucket, endpoint, credentials, stop: async () => {} };
  },
  swift: async () => {
    const { startSwift } = await import(`${dist}/swift.js`);
    const { endpoint, region, credentials, stop } = await startSwift();
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: 'media' }));
    client.destroy();
    return { bucket: 'media', endpoint, credentials, stop };
  },
};

const store = await starts[process.argv[2]]();
const end = () => store.stop().finally(() => process.exit());
process.on('message', end);
process.on('disconnect', end);
process.send({ bucket: store.bucket, endpoint: store.endpoint, credentials: store.credentials });
