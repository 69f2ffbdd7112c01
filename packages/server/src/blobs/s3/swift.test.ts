/** C10 on a real server: Debian's OpenStack Swift with its s3api. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { openSqliteState, type State } from '../../state/sql/open.ts';
import { put } from '../../testing/blob-store-fixture.ts';
import { blobStoreChecks } from '../../testing/blob-store-suite.ts';
import { patternBytes } from '../../testing/body.ts';
import { startSwift, type TestSwift } from '../../testing/swift.ts';
import { connectBucket, openS3Blobs, type S3Blobs, type S3BlobsOptions } from './open.ts';

describe('C10: blob store, Swift', () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-s3-swift-'));
  let swift: TestSwift;
  let state: State;
  let settings: S3BlobsOptions;
  let s3: S3Blobs;
  beforeAll(async () => {
    swift = await startSwift();
    state = await openSqliteState({ file: join(dir, 'state.db'), clock: systemClock });
    settings = {
      bucket: 'media',
      prefix: 'one/two',
      endpoint: swift.endpoint,
      region: swift.region,
      credentials: swift.credentials,
      pathStyle: true,
      checksums: 'none',
      encryption: { kind: 'none' },
      clock: systemClock,
      partMap: state.partMap,
      dataDir: dir,
      memoryBytes: 64 * 1024 ** 2,
      cacheBytes: 1024 ** 2,
    };
    const bucket = connectBucket(settings);
    await bucket.client.send(new CreateBucketCommand({ Bucket: 'media' }));
    bucket.client.destroy();
    s3 = await openS3Blobs(settings);
  });
  afterAll(async () => {
    await s3?.blobs.close();
    await state?.close();
    await swift?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  for (const check of blobStoreChecks)
    test(check.name, () =>
      check({
        blobs: s3.blobs,
        newId: uuidv7,
        skip: () => {},
        reopen: async () => (await openS3Blobs(settings)).blobs,
      }),
    );

  test('pieces of any size, out of order, become one object inside the store, and nothing else is left', async () => {
    const bytes = patternBytes(23 * 1024 ** 2 + 5, 77);
    const id = uuidv7();
    const cuts = [0, 6, 12, 12.5, 14, 22, 22.25].map((mib) => Math.floor(mib * 1024 ** 2)).concat(bytes.byteLength);
    await s3.blobs.prepare(id, bytes.byteLength);
    for (const i of [4, 0, 6, 2, 5, 1, 3])
      await put(s3.blobs, id, { offset: cuts[i] ?? 0, bytes: bytes.slice(cuts[i], cuts[i + 1]) });
    const digest = createHash('sha256').update(bytes).digest('hex');
    expect(await s3.blobs.digest(id, bytes.byteLength)).toBe(digest);
    await s3.blobs.place(id, bytes.byteLength, digest);
    expect(await s3.blobs.rehashAsset(digest)).toBe(digest);
    expect(await state.partMap.garbage({ limit: 10 })).toEqual([]);
  });
});
