/**
 * A1, A4, E1: nothing that was acknowledged is lost, whatever point the process dies at while bytes are in a bucket: at the crash points, and
 * at any request to the store, done or not. The store is in this process and lives on. A few seeds; HOLDFAST_TEST_ALL=1 takes 40 for each
 * protocol, CRASH_BUCKET_SEEDS another number, CRASH_SEED_FIRST where to begin.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openS3Blobs } from '../../packages/server/src/blobs/s3/open.ts';
import { crashPointNames } from '../../packages/server/src/core/ports/crash-points.ts';
import { systemClock } from '../../packages/server/src/platform/system-clock.ts';
import { openSqliteState } from '../../packages/server/src/state/sql/open.ts';
import type { Operation } from '../../packages/server/src/testing/s3-stub/operations.ts';
import { S3Stub } from '../../packages/server/src/testing/s3-stub/stub.ts';
import { Campaign } from './crash-campaign.ts';
import { ServerProcess } from './server-process.ts';
import { TusCampaign } from './tus-campaign.ts';
import { seededRandom } from './upload-driver.ts';

const seeds = Number(process.env['CRASH_BUCKET_SEEDS'] ?? (process.env['HOLDFAST_TEST_ALL'] === '1' ? 40 : 3));
const first = Number(process.env['CRASH_SEED_FIRST'] ?? 1);
const kib = 1024;
/** A seed that reaches no crash ends by itself; this is for one that hangs. */
const lifeMs = 60_000;

/** Requests that change something in the store, and the look before and after. */
const operations = [
  'PutObject',
  'CopyObject',
  'CreateMultipartUpload',
  'UploadPartCopy',
  'UploadPart',
  'CompleteMultipartUpload',
  'HeadObject',
  'DeleteObject',
] as const satisfies readonly Operation[];

/** A server that keeps its bytes in a stub. */
class BucketServer {
  readonly killed = new Map<string, number>();
  readonly stub: S3Stub;
  readonly server: ServerProcess;

  private constructor(stub: S3Stub, server: ServerProcess) {
    this.stub = stub;
    this.server = server;
  }

  static async start(): Promise<BucketServer> {
    const stub = await S3Stub.start();
    try {
      const server = await ServerProcess.start({
        args: ['--no-pipeline', '--blobs', `s3://${stub.bucket}/crash`],
        env: stub.env,
      });
      return new BucketServer(stub, server);
    } catch (error) {
      await stub.stop();
      throw error;
    }
  }

  /** Kills the server when it asks for that the `nth` time; the store has done it then, or has not. */
  killAt(operation: Operation, nth: number, isDone: boolean): void {
    let left = nth;
    this.stub.fault = (request) => {
      if (request.operation !== operation) return null;
      left -= 1;
      if (left !== 0) return null;
      const name = `${operation}${isDone ? ', done' : ''}`;
      this.killed.set(name, (this.killed.get(name) ?? 0) + 1);
      const until = this.server.kill();
      return isDone ? { kind: 'wait', until } : { kind: 'cut' };
    };
  }

  /**
   * What the sweep leaves: the assets, each what its name says, and pieces of uploads that go on or are still to be freed. With tus there may
   * be some: creations whose answer was lost, which expire, and parts of what was put together when the process died last.
   */
  async checkBucket(): Promise<{ going: number }> {
    this.stub.fault = () => null;
    await this.server.kill();
    const { dataDir } = this.server;
    const state = await openSqliteState({ file: join(dataDir, 'state.db'), clock: systemClock });
    const s3 = await openS3Blobs({
      bucket: this.stub.bucket,
      prefix: 'crash',
      endpoint: this.stub.endpoint,
      region: 'us-east-1',
      pathStyle: true,
      credentials: this.stub.credentials,
      checksums: 'none',
      encryption: { kind: 'none' },
      clock: systemClock,
      partMap: state.partMap,
      dataDir: join(dataDir, 'sweep'),
      memoryBytes: 16 * kib * kib,
      cacheBytes: 0,
    });
    const going: string[] = [];
    try {
      await s3.removeOrphans(-1_000);
      for (const id of await state.partMap.uploads('', 1_000)) {
        going.push(id);
        const upload = await state.uploads.find(id);
        const what = `pieces of ${id} are left, which is ${upload?.phase.name}, ${upload?.storage}`;
        expect(upload !== null && upload.storage !== 'released', what).toBe(true);
      }
    } finally {
      await s3.blobs.close();
      await state.close();
    }
    expect(this.stub.store.multiparts.size, 'multipart uploads that nobody goes on with').toBe(0);
    const objects = [...this.stub.store.objects];
    expect(objects.length).toBeGreaterThan(0);
    for (const [key, { bytes }] of objects) {
      if (going.length > 0 && key.startsWith('crash/incoming/')) continue;
      expect(key).toMatch(/^crash\/assets\//);
      expect(createHash('sha256').update(bytes).digest('hex'), key).toBe(key.split('/').at(-1));
    }
    return { going: going.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    await this.stub.stop();
  }
}

/** Even seeds die at a crash point, odd ones at a request to the store. */
function plan(seed: number, points: readonly string[]) {
  const random = seededRandom(seed * 7919);
  const turn = Math.floor(seed / 2);
  const point = points[turn % points.length] ?? 'completion:after-place';
  const operation = operations[turn % operations.length] ?? 'PutObject';
  const nth = 1 + Math.floor(random() * (/^(?:receipt|append)|PutObject|DeleteObject/.test(point) ? 6 : 2));
  return seed % 2 === 0
    ? ({ kind: 'point', arm: { point, nth } } as const)
    : ({ kind: 'request', operation, nth: 1 + Math.floor(random() * 3), isDone: random() < 0.5 } as const);
}

test.concurrent('A1, A4, E1: chunks, killed at every point while bytes are in the bucket', async () => {
  const points = crashPointNames.filter((name) => /^(?:receipt|completion):/.test(name));
  await using bucket = await BucketServer.start();
  // Pieces in the database, objects that are too small to be copied as parts, and such that are not.
  const sizes = [64 * kib, 300 * kib, 300 * kib, 5_300 * kib];
  const chunkBytes = (random: () => number) => sizes[Math.floor(random() * sizes.length)] ?? 0;
  const campaign = new Campaign(bucket.server, { chunkBytes, leftovers: async () => [] });
  for (let seed = first; seed < first + seeds; seed += 1) {
    const life = plan(seed, points);
    bucket.stub.fault = () => null;
    if (life.kind === 'point') await campaign.live(seed, life.arm);
    else {
      bucket.killAt(life.operation, life.nth, life.isDone);
      await campaign.liveUntilKilled(seed, lifeMs);
    }
  }
  bucket.stub.fault = () => null;
  await campaign.finish();
  expect(await bucket.checkBucket()).toEqual({ going: 0 });
  const { crashes, ...totals } = campaign.report;
  console.log(JSON.stringify({ ...totals, points: Object.fromEntries(crashes), requests: [...bucket.killed] }));
  expect(crashes.size + bucket.killed.size).toBeGreaterThan(0);
}, 900_000);

test.concurrent('A1, A4, E1: appends and concatenations, killed at every point while bytes are in the bucket', async () => {
  const points = crashPointNames.filter((name) => /^(?:append|concatenation|completion):/.test(name));
  await using bucket = await BucketServer.start();
  const campaign = new TusCampaign(bucket.server, { bytesMax: 2_000_000 });
  for (let seed = first; seed < first + seeds; seed += 1) {
    const life = plan(seed, points);
    bucket.stub.fault = () => null;
    if (life.kind === 'request') bucket.killAt(life.operation, life.nth, life.isDone);
    await campaign.live(seed, life.kind === 'point' ? life.arm : null);
  }
  bucket.stub.fault = () => null;
  await campaign.finish();
  const { going } = await bucket.checkBucket();
  const crashes = { going, ...Object.fromEntries(campaign.crashes), requests: [...bucket.killed] };
  console.log(JSON.stringify({ completed: campaign.completed, ...crashes }));
  expect(campaign.crashes.size).toBeGreaterThan(0);
}, 900_000);
