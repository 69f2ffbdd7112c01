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
      direct: { arrivals: true },
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

  test('addresses: what a client sends there is taken as it was, and the asset is read from one', async () => {
    const { direct, blobs } = s3;
    if (direct === null) throw new Error('Asked for, and not there.');
    const bytes = Buffer.from(patternBytes(300_000, 5));
    const arrival = { uploadId: uuidv7(), name: 'chunk-0' };
    await blobs.prepare(arrival.uploadId, bytes.byteLength);
    const url = await direct.sendAddress(arrival, { bytes: bytes.byteLength, seconds: 60 });
    expect((await fetch(url, { method: 'PUT', body: bytes.subarray(1) })).status).toBe(403);
    expect(await direct.arrived(arrival)).toBeNull();
    const sent = await fetch(url, { method: 'PUT', body: bytes });
    expect(sent.status).toBe(200);
    const arrived = await direct.arrived(arrival);
    expect(arrived).toMatchObject({ size: bytes.byteLength, etag: sent.headers.get('etag')?.replaceAll('"', '') });
    expect(await direct.arrivals(arrival.uploadId)).toMatchObject([{ name: 'chunk-0', size: bytes.byteLength }]);
    // Another one comes to the same address after it was looked at: it is not taken for the first.
    await fetch(url, { method: 'PUT', body: patternBytes(300_000, 6) });
    const request = { offset: 0, length: bytes.byteLength, digests: ['sha-256'] as const, mayRecord: () => true };
    await expect(arrived?.take({ ...request, body: arrived.body })).rejects.toMatchObject({ code: 'piece-missing' });
    await fetch(url, { method: 'PUT', body: bytes });
    const again = await direct.arrived(arrival);
    const digest = createHash('sha256').update(bytes).digest('hex');
    const written = await again?.take({ ...request, body: again.body });
    expect(written?.digests).toEqual([{ algorithm: 'sha-256', value: digest }]);
    await blobs.place(arrival.uploadId, bytes.byteLength, digest);
    expect(await direct.arrivals(arrival.uploadId)).toEqual([]);
    // The address still holds: what comes after the end goes by its age.
    await fetch(url, { method: 'PUT', body: bytes });
    expect(await direct.arrivals(arrival.uploadId)).toHaveLength(1);
    await s3.removeOrphans(-60_000);
    expect(await direct.arrivals(arrival.uploadId)).toEqual([]);
    const head = { contentType: 'video/mp4', disposition: 'inline; filename="a.mp4"' };
    const read = await fetch((await direct.readAddress(digest, head, 60)) ?? '', { headers: { range: 'bytes=9-19' } });
    expect(read.headers.get('content-type')).toBe('video/mp4');
    expect(Buffer.from(await read.arrayBuffer()).equals(bytes.subarray(9, 20))).toBe(true);
  });

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
