/** A1, E1: two nodes on one database and one disk: chunks, duplicates and late ones at either, digests by any algorithm, recordings on both. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type DiskBlobs, openDiskBlobs } from '../src/blobs/disk/open.ts';
import type { Digest } from '../src/core/digest.ts';
import { defaultLimits } from '../src/core/limits.ts';
import { noCrashPoints } from '../src/core/ports/crash-points.ts';
import { openGate } from '../src/core/ports/creation-gate.ts';
import { silentLog } from '../src/core/ports/log.ts';
import { noTracing } from '../src/core/ports/tracing.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { uuidv7 } from '../src/platform/uuidv7.ts';
import type { State } from '../src/state/sql/open.ts';
import { bodyOf } from '../src/testing/body.ts';
import type { Fixture } from '../src/testing/conformance.ts';
import { SharedRedis } from '../src/testing/test-redis-state.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../src/testing/test-state.ts';
import { ContentTurns } from '../src/uploads/content-turns.ts';
import { RecordingService } from '../src/uploads/recordings.ts';
import { UploadService } from '../src/uploads/service.ts';
import { md5 } from './recordings-client.ts';
import { chunkBytes, sha256, someBytes } from './running-node.ts';

const postgres = new SharedPostgres();
const redis = new SharedRedis();
afterAll(async () => {
  await postgres.stop();
  await redis.stop();
});

const principal = 'ana';
const chunks = 6;

function nodeOf(state: State, disk: DiskBlobs, holder: string) {
  const uploads = new UploadService({
    store: state.uploads,
    blobs: disk.blobs,
    claims: state.claims,
    locks: state.locks,
    contents: new ContentTurns(state.locks),
    deletions: state.deletions,
    creationGate: openGate,
    tracing: noTracing,
    tokens: state.tokens,
    allowedTypes: null,
    clock: systemClock,
    limits: defaultLimits,
    log: silentLog,
    observer: { created: () => {}, receipt: () => {}, ended: () => {}, finished: () => {}, dropped: () => {} },
    crash: noCrashPoints,
    holder,
    newId: uuidv7,
    planRuns: () => [],
    sniffType: async () => null,
  });
  return { uploads, recordings: new RecordingService(state.recordings, uploads, systemClock) };
}

async function withTwoNodes(
  open: () => Promise<Fixture<TwoStates>>,
  work: (one: ReturnType<typeof nodeOf>, two: ReturnType<typeof nodeOf>) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-nodes-'));
  const { subject, close } = await open();
  const disk = () => openDiskBlobs({ dir, durability: 'synced', reserveBytes: 0, hashWorkers: 1 });
  const disks = [await disk(), await disk()] as const;
  const [one, two] = [nodeOf(subject.one, disks[0], 'one'), nodeOf(subject.two, disks[1], 'two')];
  try {
    await work(one, two);
    for (const node of [one, two]) await node.uploads.finisher.idle();
  } finally {
    for (const { blobs } of disks) await blobs.close();
    await close();
    await rm(dir, { recursive: true });
  }
}

describe.each([
  ['SQLite', () => twoSqliteStates()],
  ['PostgreSQL', () => postgres.twoStates()],
  ['Redis', () => redis.twoStates()],
])('on %s', (_name, open) => {
  test('every chunk at both nodes at once, then once more when all is done', async () => {
    await withTwoNodes(open, async (one, two) => {
      const digests = [md5, sha256, (bytes: Uint8Array) => createHash('sha512').update(bytes).digest('hex')];
      for (const [i, algorithm] of (['md5', 'sha-256', 'sha-512'] as const).entries()) {
        const bytes = someBytes(chunks * chunkBytes - i);
        const expectedDigest: Digest = { algorithm, value: digests[i]?.(bytes) ?? '' };
        const { upload } = await one.uploads.create({
          principal,
          protocol: 'recordings',
          filename: 'clase.webm',
          size: bytes.length,
          chunkSize: chunkBytes,
          expectedDigest,
          recording: { subject: 'Anatomía' },
        });
        const send = async ({ uploads }: typeof one, index: number, content: Uint8Array = bytes) => {
          const chunk = content.subarray(index * chunkBytes, (index + 1) * chunkBytes);
          const digest: Digest = { algorithm: 'md5', value: md5(chunk) };
          const delivery = { uploadId: upload.id, principal, index, declaredLength: chunk.length, digest };
          return await uploads.receiveChunk({
            ...delivery,
            body: bodyOf(new Uint8Array(chunk), { batchBytes: 10_000 }),
          });
        };
        const places = Array.from({ length: chunks }, (_, index) => index).sort(() => (i % 2) - 0.5);
        const receipts = await Promise.all(places.flatMap((index) => [one, two, one].map((node) => send(node, index))));
        expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(chunks);
        const handle = { id: upload.id, principal };
        for (const node of [one, two]) {
          const done = await node.uploads.complete(handle, 20_000);
          expect(done.upload.phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
          for (const index of places) expect((await send(node, index)).duplicate).toBe(true);
          const other = Uint8Array.from(bytes, (byte) => byte ^ 1);
          await expect(send(node, 0, other)).rejects.toMatchObject({ code: 'chunk-conflict' });
          expect(await node.recordings.view(handle)).toMatchObject({
            upload: { expectedDigest },
            receivedChunks: chunks,
          });
        }
      }
      expect(await two.recordings.list({ principal, subject: 'anatomía', skip: 0, limit: 10 })).toMatchObject({
        total: 3,
      });
    });
  });
});
