import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArtifactStore } from '../../core/ports/artifact-store.ts';
import { uuidv7 } from '../../platform/uuidv7.ts';
import {
  type ArtifactStoreSubject,
  artifactStoreChecks,
  brokenArtifactStores,
} from '../../testing/artifact-store-suite.ts';
import type { BlobStoreSubject } from '../../testing/blob-store-fixture.ts';
import { blobStoreChecks } from '../../testing/blob-store-suite.ts';
import { type Breakage, brokenBlobStores } from '../../testing/broken-blob-stores.ts';
import { type FileFaults, withFaults, withFileFaults } from '../with-faults.ts';
import { nodeFileIo } from './file-io.ts';
import { type DiskBlobs, type DiskBlobsOptions, openDiskBlobs } from './open.ts';

function artifactSubject(artifacts: ArtifactStore): ArtifactStoreSubject {
  return {
    artifacts,
    newKey: () => createHash('sha256').update(uuidv7()).digest('hex'),
    damage: async (artifact, bytes) => writeFileSync((await artifacts.localFile(artifact)).path, bytes),
  };
}

/** A store in a new folder, and how to get rid of both. */
async function fresh(options: Partial<DiskBlobsOptions> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
  const settings: DiskBlobsOptions = { dir, durability: 'synced', reserveBytes: 0, hashWorkers: 1, ...options };
  const disk = await openDiskBlobs(settings);
  return {
    disk,
    reopen: async () => (await openDiskBlobs(settings)).blobs,
    async remove() {
      await disk.blobs.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
type Fresh = Awaited<ReturnType<typeof fresh>>;

function subjectOf(store: Fresh, breakage: Breakage = (sound) => sound): BlobStoreSubject {
  return {
    blobs: breakage(store.disk.blobs),
    newId: uuidv7,
    skip: (reason) => {
      throw new Error(`the disk store skips nothing: ${reason}`);
    },
    reopen: async () => breakage(await store.reopen()),
  };
}

const shortIo: FileFaults = { shortBytes: 9_973 };
const variants: Record<string, Partial<DiskBlobsOptions>> = {
  synced: {},
  committed: { durability: 'committed' },
  'two descriptors': { openFilesMax: 2 },
  'short reads and writes': { io: withFileFaults(nodeFileIo, shortIo) },
  'one running hash': { hashStatesMax: 1 },
};

for (const [name, options] of Object.entries(variants)) {
  describe(`blob store, disk, ${name}`, () => {
    let store: Fresh;
    beforeAll(async () => {
      store = await fresh(options);
    });
    afterAll(() => store.remove());
    for (const check of blobStoreChecks) test(check.name, () => check(subjectOf(store)));
  });
}

test('the fault wrapper without faults changes nothing', async () => {
  const store = await fresh();
  for (const check of blobStoreChecks) await check(subjectOf(store, (sound) => withFaults(sound, {})));
  await store.remove();
});

describe('deliberately broken blob stores', () => {
  let store: Fresh;
  const useful = new Set<string>();
  beforeAll(async () => {
    store = await fresh();
    for (const check of blobStoreChecks) await check(subjectOf(store));
  });
  afterAll(() => store.remove());

  const failuresOf = async (breakage: Breakage) => {
    const failed: string[] = [];
    for (const check of blobStoreChecks) await check(subjectOf(store, breakage)).catch(() => failed.push(check.name));
    return failed;
  };
  test('control: what is not broken passes on the same, used store', async () => {
    expect(await failuresOf((sound) => sound)).toEqual([]);
  });
  for (const [name, breakage] of Object.entries(brokenBlobStores)) {
    test(`${name} fails`, async () => {
      const failed = await failuresOf(breakage);
      expect(failed).not.toEqual([]);
      if (process.env['SHOW_BROKEN'] !== undefined) console.log(name, failed.join(' '));
      for (const check of failed) useful.add(check);
    });
  }
  test('every check failed on at least one of them', () => {
    expect(blobStoreChecks.map((check) => check.name).filter((check) => !useful.has(check))).toEqual([]);
  });
});

describe('artifact store, disk', () => {
  let store: Fresh;
  let disk: DiskBlobs;
  beforeAll(async () => {
    store = await fresh();
    disk = store.disk;
  });
  afterAll(() => store.remove());
  for (const check of artifactStoreChecks) test(check.name, () => check(artifactSubject(disk.artifacts)));

  test('every broken artifact store fails a check, and every check fails on some broken store', async () => {
    const useful = new Set<string>();
    for (const [name, breakage] of Object.entries(brokenArtifactStores)) {
      const failed: string[] = [];
      for (const check of artifactStoreChecks) {
        await check(artifactSubject(breakage(disk.artifacts))).catch(() => failed.push(check.name));
      }
      expect(failed, `${name} has to fail`).not.toEqual([]);
      for (const check of failed) useful.add(check);
    }
    expect(artifactStoreChecks.map((check) => check.name).filter((check) => !useful.has(check))).toEqual([]);
  });
});
