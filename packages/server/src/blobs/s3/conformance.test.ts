import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArtifactStore } from '../../core/ports/artifact-store.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { openSqliteState } from '../../state/sql/open.ts';
import {
  type ArtifactStoreSubject,
  artifactStoreChecks,
  brokenArtifactStores,
} from '../../testing/artifact-store-suite.ts';
import type { BlobStoreSubject } from '../../testing/blob-store-fixture.ts';
import { blobStoreChecks } from '../../testing/blob-store-suite.ts';
import { type Breakage, brokenBlobStores } from '../../testing/broken-blob-stores.ts';
import { S3Stub } from '../../testing/s3-stub/stub.ts';
import { openS3Blobs, type S3Blobs, type S3BlobsOptions } from './open.ts';
import { type PieceSizes, s3Sizes } from './sizes.ts';

const kib = 1024;

/** Small enough that every way through the store is taken by the suite's contents of a few hundred KiB. */
const smallSizes: PieceSizes = {
  inlineBytesMax: 20 * kib,
  inlineTotalMax: 100 * kib,
  pieceBytes: 256 * kib,
  partBytesMin: 64 * kib,
  copyBytesMax: 2 * 1024 * kib,
  partsMax: 10,
};

interface Variant extends Partial<S3BlobsOptions> {
  readonly opaqueEtags?: boolean;
}

const variants: Record<string, Variant> = {
  'as on Amazon': {},
  'tiny pieces': { sizes: smallSizes },
  'little memory': { memoryBytes: 0, sizes: { ...smallSizes, pieceBytes: 8 * 1024 * kib } },
  'checksums in trailers': { checksums: 'crc32', sizes: smallSizes },
  'encrypted by a key service': { encryption: { kind: 'kms', keyId: null }, opaqueEtags: true, sizes: smallSizes },
};

async function fresh({ opaqueEtags = false, ...options }: Variant) {
  const stub = await S3Stub.start(options.sizes ? { partBytesMin: options.sizes.partBytesMin } : {});
  stub.store.opaqueEtags = opaqueEtags;
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-s3-'));
  const state = await openSqliteState({ file: join(dir, 'state.db'), clock: systemClock });
  const settings: S3BlobsOptions = {
    ...stub.settings,
    prefix: 'holdfast',
    clock: systemClock,
    partMap: state.partMap,
    dataDir: dir,
    memoryBytes: 64 * 1024 * kib,
    cacheBytes: 4 * 1024 * kib,
    sizes: s3Sizes,
    ...options,
  };
  const s3 = await openS3Blobs(settings);
  return {
    stub,
    s3,
    reopen: async () => (await openS3Blobs(settings)).blobs,
    async remove() {
      await s3.blobs.close();
      await state.close();
      await stub.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
type Fresh = Awaited<ReturnType<typeof fresh>>;

const skipped = new Set<string>();

function subjectOf(store: Fresh, breakage: Breakage = (sound) => sound): BlobStoreSubject {
  return {
    blobs: breakage(store.s3.blobs),
    newId: uuidv7,
    skip: (reason) => void skipped.add(reason),
    reopen: async () => breakage(await store.reopen()),
  };
}

for (const [name, options] of Object.entries(variants)) {
  describe(`C10: blob store, S3, ${name}`, () => {
    let store: Fresh;
    beforeAll(async () => {
      store = await fresh(options);
    });
    afterAll(() => store.remove());
    for (const check of blobStoreChecks) test(check.name, () => check(subjectOf(store)));
    test('the room of the budget is given back, and nothing is left of multipart uploads', () => {
      expect(store.stub.store.multiparts.size).toBe(0);
      expect(skipped).toEqual(new Set(['free space is not known here']));
    });
  });
}

/** The suite is shown to find every broken adapter on a disk; here those whose obligation S3 fulfils in a way of its own. */
const ownWays = ['writesPastTheRange', 'isolatesNothing', 'joinsByCopyOnly', 'neverDiscards', 'listsNothing'];

test.each(ownWays)('the suite finds a store on S3 that is broken: %s', async (name) => {
  const store = await fresh({});
  const breakage = brokenBlobStores[name] ?? ((sound) => sound);
  const failing = async () => {
    for (const check of blobStoreChecks) await check(subjectOf(store, breakage));
  };
  await expect(failing()).rejects.toThrow();
  await store.remove();
});

function artifactSubject(store: Fresh, artifacts: ArtifactStore): ArtifactStoreSubject {
  return {
    artifacts,
    newKey: () => createHash('sha256').update(uuidv7()).digest('hex'),
    damage: async ({ stepKey, sha256, name }, bytes) => {
      const key = `holdfast/artifacts/${stepKey.slice(0, 2)}/${stepKey}/${sha256}/${name}`;
      expect(store.stub.store.objects.has(key)).toBe(true);
      store.stub.store.put(key, Buffer.from(bytes));
    },
  };
}

describe('artifact store, S3', () => {
  let store: Fresh;
  let s3: S3Blobs;
  beforeAll(async () => {
    store = await fresh({});
    s3 = store.s3;
  });
  afterAll(() => store.remove());
  for (const check of artifactStoreChecks) test(check.name, () => check(artifactSubject(store, s3.artifacts)));

  test('every broken artifact store fails a check', async () => {
    for (const [name, breakage] of Object.entries(brokenArtifactStores)) {
      const failed: string[] = [];
      for (const check of artifactStoreChecks)
        await check(artifactSubject(store, breakage(s3.artifacts))).catch(() => failed.push(check.name));
      expect(failed, `${name} has to fail`).not.toEqual([]);
    }
  });
});
