/** B6: files of the bucket on this machine: what a step holds stays, whatever else goes, and what is gone comes again. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HoldfastError } from '../../core/errors.ts';
import type { Artifact } from '../../core/ledger.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { patternBytes } from '../../testing/body.ts';
import { S3Stub } from '../../testing/s3-stub/stub.ts';
import { S3Keys } from './keys.ts';
import { LocalCache } from './local-cache.ts';
import { connectBucket } from './open.ts';
import { S3ArtifactStore } from './s3-artifact-store.ts';
import { s3Sizes } from './sizes.ts';

const kib = 1024;
const dir = mkdtempSync(join(tmpdir(), 'holdfast-cache-'));
const folder = join(dir, 'cache');
const black = patternBytes(40 * kib);
let stub: S3Stub;
let cache: LocalCache;
let store: S3ArtifactStore;
/** Two pictures of one content, and six others. */
let pictures: Artifact[];

beforeAll(async () => {
  stub = await S3Stub.start();
  const bucket = connectBucket({ ...stub.settings, clock: systemClock });
  cache = new LocalCache({ folder, bucket, bytesMax: 100 * kib, clock: systemClock });
  await cache.open();
  const keys = new S3Keys(stub.settings.prefix);
  store = new S3ArtifactStore({ bucket, keys, sizes: s3Sizes, cache, dataDir: dir });
  await store.open();
  const scratch = await store.scratch('a'.repeat(64), 1);
  const contents = [black, black, ...[1, 2, 3, 4, 5, 6].map((i) => patternBytes(40 * kib + i))];
  const files = contents.map((content, i) => {
    const name = `keyframe-${i}.jpg`;
    writeFileSync(join(scratch, name), content);
    return { name, contentType: 'image/jpeg' };
  });
  pictures = await store.publish('a'.repeat(64), scratch, files);
});
afterAll(async () => {
  await cache.close();
  await stub.stop();
  rmSync(dir, { recursive: true, force: true });
});

function picture(i: number): Artifact {
  const found = pictures[i];
  if (found === undefined) throw new Error(`There are ${pictures.length} pictures.`);
  return found;
}

async function fetched(i: number): Promise<string> {
  const file = await store.localFile(picture(i));
  await file.release();
  return file.path;
}

test('a picture that a step holds stays when another one of the same content has to go', async () => {
  const held = await store.localFile(picture(0));
  const other = await fetched(1);
  expect(other).not.toBe(held.path);
  await fetched(2);
  await fetched(3);
  expect(existsSync(other)).toBe(false);
  expect(readFileSync(held.path).equals(black)).toBe(true);
  await held.release();
  expect(cache.bytes).toBeLessThanOrEqual(100 * kib);
});

test('what somebody removed or cut short is downloaded again', async () => {
  const path = await fetched(4);
  rmSync(path);
  expect(await fetched(4)).toBe(path);
  expect(readFileSync(path)).toHaveLength(40 * kib + 3);
  truncateSync(path, 5);
  await fetched(4);
  expect(readFileSync(path)).toHaveLength(40 * kib + 3);
});

test('a disk that takes only a part of a file: it is refused, and not given to a step cut short', async () => {
  // As on a disk that is nearly full: the system writes what has room, and says how much that was.
  const limit = (bytes: string) => execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
  limit(String(30 * kib));
  const fetching = store.localFile(picture(6)).catch((error: unknown) => error);
  const found = await fetching.finally(() => limit('unlimited'));
  expect(found).toBeInstanceOf(HoldfastError);
  expect(await fetched(6)).toSatisfy((path: string) => readFileSync(path).byteLength === picture(6).size);
});

test('many that come and go at once: whoever holds a file has it whole, and nothing is left over', async () => {
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; i < 40; i += 1) {
      const wanted = picture((lane * 3 + i * (lane + 1)) % pictures.length);
      const file = await store.localFile(wanted);
      await new Promise((resolve) => setImmediate(resolve));
      expect(readFileSync(file.path)).toHaveLength(wanted.size);
      await file.release();
    }
  });
  await Promise.all(lanes);
  expect(cache.bytes).toBeLessThanOrEqual(100 * kib);
  const names = readdirSync(folder);
  expect(names.every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
  expect(names.flatMap((name) => readdirSync(join(folder, name)))).toHaveLength(cache.bytes > 80 * kib ? 2 : 1);
});

test('a start removes what an earlier process left half, and takes up the rest', async () => {
  const path = await fetched(5);
  writeFileSync(join(folder, 'x.part'), 'half');
  writeFileSync(join(folder, 'x.gone'), 'half');
  mkdirSync(join(folder, 'b'.repeat(64)));
  const bucket = connectBucket({ ...stub.settings, clock: systemClock });
  const next = new LocalCache({ folder, bucket, bytesMax: 100 * kib, clock: systemClock });
  await next.open();
  expect(readdirSync(folder).filter((name) => !/^[0-9a-f]{64}$/.test(name) || name.startsWith('bb'))).toEqual([]);
  expect(existsSync(path)).toBe(true);
  expect(next.bytes).toBe(cache.bytes);
});
