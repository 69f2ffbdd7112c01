/** C10: a server looks by itself, now and then, for what crashes left in its bucket, and removes what is older than a day. */
import { expect, test } from 'vitest';
import { S3Stub } from '../../packages/server/src/testing/s3-stub/stub.ts';
import { ServerProcess } from './server-process.ts';

const dayMs = 24 * 3_600_000;

test('C10: leftovers of a day ago disappear from the bucket of a server that runs; younger ones may still be wanted', async () => {
  await using stub = await S3Stub.start();
  const leave = (key: string, ageMs: number) =>
    stub.store.objects.set(`media/${key}`, {
      bytes: Buffer.from('left'),
      etag: 'left',
      modified: new Date(Date.now() - ageMs),
      contentType: null,
    });
  const old = '01920000-0000-7000-8000-000000000001';
  const young = '01920000-0000-7000-8000-000000000002';
  leave(`incoming/${old}/0123456789abcdef0123456789abcdef`, 25 * 3_600_000);
  leave(`arriving/${old}/0`, 25 * 3_600_000);
  leave(`incoming/${young}/0123456789abcdef0123456789abcdef`, dayMs - 3_600_000);
  leave(`assets/sha256/ab/cd/abcd`, 9 * dayMs);
  await using server = await ServerProcess.start({
    args: ['--no-pipeline', '--blobs', `s3://${stub.bucket}/media`],
    env: {
      ...stub.env,
      HOLDFAST_S3_SEARCH_HOURS: '0.0002',
    },
  });
  const keys = () => [...stub.store.objects.keys()].map((key) => key.replace('media/', '')).sort();
  const stays = ['assets/sha256/ab/cd/abcd', `incoming/${young}/0123456789abcdef0123456789abcdef`];
  await expect.poll(keys).toEqual(stays);
  // It goes on: what comes to be of that age is found by a later one.
  leave(`incoming/${old}/fedcba9876543210fedcba9876543210`, 25 * 3_600_000);
  await expect.poll(keys).toEqual(stays);
  expect((await server.kill('SIGTERM')).code).toBe(0);
});
