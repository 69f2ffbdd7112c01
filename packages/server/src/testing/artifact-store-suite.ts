/**
 * Conformance of artifact stores (`core/ports/artifact-store.ts`). `brokenArtifactStores` break one obligation each; every check fails on
 * at least one of them.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { HoldfastError } from '../core/errors.ts';
import type { Artifact } from '../core/ledger.ts';
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import { patternBytes } from './body.ts';

export interface ArtifactStoreSubject {
  readonly artifacts: ArtifactStore;
  /** A step key (64 hex digits) that no check had before. */
  newKey(): string;
  /** Puts other bytes in the place of a published artifact, behind the store's back. */
  damage(artifact: Artifact, bytes: Uint8Array): Promise<void>;
}
export type ArtifactStoreCheck = (subject: ArtifactStoreSubject) => Promise<void>;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const contentType = 'application/octet-stream';

async function published(subject: ArtifactStoreSubject, name: string, bytes: Uint8Array): Promise<Artifact> {
  const key = subject.newKey();
  const scratch = await subject.artifacts.scratch(key, 1);
  await writeFile(join(scratch, name), bytes);
  const [artifact] = await subject.artifacts.publish(key, scratch, [{ name, contentType }]);
  assert.ok(artifact !== undefined);
  await subject.artifacts.clean(scratch);
  return artifact;
}

async function readAll(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

async function publishesWhatTheStepMade(subject: ArtifactStoreSubject): Promise<void> {
  for (const [name, size] of [
    ['shot-0001.jpg', 1000],
    ['Vorlesung Äquivalenz.analytic.json', 3_000_000],
    ['leer', 0],
  ] as const) {
    const bytes = patternBytes(size);
    const artifact = await published(subject, name, bytes);
    assert.deepEqual({ ...artifact, stepKey: '' }, { stepKey: '', name, contentType, size, sha256: sha256(bytes) });
    assert.deepEqual(await readAll(await subject.artifacts.read(artifact)), Buffer.from(bytes));
    const local = await subject.artifacts.localFile(artifact);
    assert.deepEqual(await readFile(local.path), Buffer.from(bytes));
    await local.release();
    await local.release();
    assert.equal(await subject.artifacts.check(artifact), 'intact');
  }
}

async function readsRanges(subject: ArtifactStoreSubject): Promise<void> {
  const bytes = patternBytes(10_000);
  const artifact = await published(subject, 'a.bin', bytes);
  for (const [start, end] of [
    [0, 1],
    [9_999, 10_000],
    [5, 5],
    [100, 9_000],
  ] as const) {
    assert.deepEqual(
      await readAll(await subject.artifacts.read(artifact, { start, end })),
      Buffer.from(bytes.subarray(start, end)),
    );
  }
}

async function publishingAgainReplaces(subject: ArtifactStoreSubject): Promise<void> {
  const key = subject.newKey();
  let last: Artifact | undefined;
  for (const fence of [1, 2]) {
    const scratch = await subject.artifacts.scratch(key, fence);
    await writeFile(join(scratch, 'a.json'), `{"attempt":${fence}}`);
    [last] = await subject.artifacts.publish(key, scratch, [{ name: 'a.json', contentType }]);
  }
  assert.ok(last !== undefined);
  assert.equal((await readAll(await subject.artifacts.read(last))).toString(), '{"attempt":2}');
  assert.equal(await subject.artifacts.check(last), 'intact');
}

async function scratchIsEmptyAndOwn(subject: ArtifactStoreSubject): Promise<void> {
  const key = subject.newKey();
  const scratch = await subject.artifacts.scratch(key, 3);
  await mkdir(join(scratch, 'sub'));
  await writeFile(join(scratch, 'sub', 'left'), 'x');
  const other = await subject.artifacts.scratch(key, 4);
  assert.notEqual(scratch, other, 'each attempt has its own');
  assert.equal(await subject.artifacts.scratch(key, 3), scratch);
  assert.deepEqual(await readdir(scratch), []);
  await subject.artifacts.clean(scratch);
  await subject.artifacts.clean(scratch);
  assert.equal(existsSync(scratch), false);
}

async function badNamesAreRefused(subject: ArtifactStoreSubject): Promise<void> {
  const key = subject.newKey();
  const scratch = await subject.artifacts.scratch(key, 1);
  await writeFile(join(scratch, '.hidden'), 'x');
  await writeFile(join(scratch, 'good'), 'x');
  for (const name of [
    '',
    '.',
    '..',
    '.hidden',
    '../good',
    'a/b',
    'a\\b',
    'a\0b',
    'a\nb',
    '-rf',
    ' a',
    'x'.repeat(300),
  ]) {
    const files = [
      { name: 'good', contentType },
      { name, contentType },
    ];
    await assert.rejects(subject.artifacts.publish(key, scratch, files), HoldfastError, JSON.stringify(name));
  }
  assert.equal(existsSync(join(scratch, 'good')), true, 'nothing was taken');
}

async function onlyRegularFilesArePublished(subject: ArtifactStoreSubject): Promise<void> {
  const key = subject.newKey();
  const scratch = await subject.artifacts.scratch(key, 1);
  await symlink('/etc/passwd', join(scratch, 'link'));
  await mkdir(join(scratch, 'folder'));
  for (const name of ['link', 'folder', 'missing']) {
    await assert.rejects(subject.artifacts.publish(key, scratch, [{ name, contentType }]), HoldfastError, name);
  }
}

async function damageIsFound(subject: ArtifactStoreSubject): Promise<void> {
  const bytes = patternBytes(500_000);
  const artifact = await published(subject, 'a.bin', bytes);
  const other = bytes.slice();
  other[250_000] = (other[250_000] ?? 0) ^ 1;
  await subject.damage(artifact, other);
  assert.equal(await subject.artifacts.check(artifact), 'damaged', 'one bit');
  await subject.damage(artifact, bytes.subarray(1));
  assert.equal(await subject.artifacts.check(artifact), 'damaged', 'length');
  const missing = { ...artifact, name: 'other.bin' };
  assert.equal(await subject.artifacts.check(missing), 'missing');
  await assert.rejects(subject.artifacts.read(missing), HoldfastError);
}

async function removedArtifactsAreGone(subject: ArtifactStoreSubject): Promise<void> {
  const [gone, stays] = [
    await published(subject, 'a.bin', patternBytes(1_000)),
    await published(subject, 'a.bin', patternBytes(1_000)),
  ];
  const local = await subject.artifacts.localFile(gone);
  await local.release();
  await subject.artifacts.remove(gone.stepKey);
  assert.equal(await subject.artifacts.check(gone), 'missing');
  await assert.rejects(subject.artifacts.localFile(gone).then(({ path }) => readFile(path)));
  assert.equal(await subject.artifacts.check(stays), 'intact');
  await subject.artifacts.remove(gone.stepKey);
  await subject.artifacts.remove(subject.newKey());
}

export const artifactStoreChecks: readonly ArtifactStoreCheck[] = [
  publishesWhatTheStepMade,
  readsRanges,
  publishingAgainReplaces,
  scratchIsEmptyAndOwn,
  badNamesAreRefused,
  onlyRegularFilesArePublished,
  damageIsFound,
  removedArtifactsAreGone,
];

type ArtifactBreakage = (sound: ArtifactStore) => ArtifactStore;

function overriding(change: (sound: ArtifactStore) => Partial<ArtifactStore>): ArtifactBreakage {
  return (sound) => ({
    scratch: (key, fence) => sound.scratch(key, fence),
    publish: (key, scratch, files) => sound.publish(key, scratch, files),
    clean: (scratch) => sound.clean(scratch),
    localFile: (artifact) => sound.localFile(artifact),
    read: (artifact, range) => sound.read(artifact, range),
    remove: (key) => sound.remove(key),
    check: (artifact) => sound.check(artifact),
    ...change(sound),
  });
}

function keepsTheFirst(sound: ArtifactStore): Partial<ArtifactStore> {
  const seen = new Map<string, Promise<Artifact[]>>();
  return {
    publish: (key, scratch, files) => {
      const result = seen.get(key) ?? sound.publish(key, scratch, files);
      seen.set(key, result);
      return result;
    },
  };
}

/** Stores that break one obligation each. */
export const brokenArtifactStores: Readonly<Record<string, ArtifactBreakage>> = {
  believesSizes: overriding((sound) => ({
    check: async (artifact) => ((await sound.check(artifact)) === 'missing' ? 'missing' : 'intact'),
  })),
  ignoresRanges: overriding((sound) => ({ read: (artifact) => sound.read(artifact) })),
  inventsDigests: overriding((sound) => ({
    publish: async (key, scratch, files) =>
      (await sound.publish(key, scratch, files)).map((a) => ({ ...a, sha256: '0'.repeat(64) })),
  })),
  keepsTheFirst: overriding(keepsTheFirst),
  sharesScratch: overriding((sound) => ({ scratch: (key) => sound.scratch(key, 0) })),
  publishesWhateverIsNamed: overriding((sound) => ({
    publish: (key, scratch, files) => sound.publish(key, scratch, files).catch(() => []),
  })),
  removesNothing: overriding(() => ({ remove: async () => {} })),
  readsWhatIsMissing: overriding((sound) => ({
    read: (artifact, range) => sound.read(artifact, range).catch(() => Readable.from([])),
  })),
};
