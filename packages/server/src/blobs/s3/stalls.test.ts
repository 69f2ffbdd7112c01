/** C10: a store that stops sending in the middle of an answer, or does not answer at all, holds nobody up for long. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { openSqliteState, type State } from '../../state/sql/open.ts';
import { put } from '../../testing/blob-store-fixture.ts';
import { patternBytes } from '../../testing/body.ts';
import { S3Stub, type StubFault } from '../../testing/s3-stub/stub.ts';
import { openS3Blobs, type S3Blobs } from './open.ts';
import { slabBytes } from './slab-pool.ts';

const kib = 1024;
const stallMs = 400;
const size = 3 * 1024 * kib;
const dir = mkdtempSync(join(tmpdir(), 'holdfast-s3-stalls-'));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const never = new Promise<never>(() => {});
let stub: S3Stub;
let state: State;
let s3: S3Blobs;

beforeAll(async () => {
  stub = await S3Stub.start();
  state = await openSqliteState({ file: join(dir, 'state.db'), clock: systemClock });
  s3 = await openS3Blobs({
    ...stub.settings,
    clock: systemClock,
    readStallMs: stallMs,
    partMap: state.partMap,
    dataDir: dir,
    memoryBytes: 16 * slabBytes,
    cacheBytes: 10 * size,
  });
});
afterAll(async () => {
  await s3.blobs.close();
  await state.close();
  await stub.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  stub.fault = () => null;
  stub.seen.length = 0;
});

/** The first `times` downloads stall. */
function stalling(fault: StubFault, times: number): void {
  let left = times;
  stub.fault = ({ operation }) => {
    if (operation !== 'GetObject' || left === 0) return null;
    left -= 1;
    return fault;
  };
}

async function upload(bytes: Uint8Array): Promise<string> {
  const id = uuidv7();
  await s3.blobs.prepare(id, bytes.byteLength);
  await put(s3.blobs, id, { offset: 0, bytes });
  return id;
}

async function asset(bytes: Uint8Array): Promise<string> {
  await s3.blobs.place(await upload(bytes), bytes.byteLength, sha256(bytes));
  stub.seen.length = 0;
  return sha256(bytes);
}

const ways: readonly [string, (seed: number) => Promise<{ read: () => Promise<Uint8Array>; bytes: Uint8Array }>][] = [
  [
    'a range for a client',
    async (seed) => {
      const bytes = patternBytes(size, seed);
      const digest = await asset(bytes);
      const range = { start: 100 * kib, end: size };
      return {
        read: async () => Buffer.concat(await (await s3.blobs.readAsset(digest, range)).toArray()),
        bytes: bytes.slice(range.start),
      };
    },
  ],
  [
    'the digest of an upload at its end',
    async (seed) => {
      const bytes = patternBytes(size, seed);
      const id = await upload(bytes);
      const read = async () => Buffer.from((await s3.blobs.hash(id, size, { fresh: true })).sha256);
      return { read, bytes: Buffer.from(sha256(bytes)) };
    },
  ],
  [
    'a file for a step',
    async (seed) => {
      const bytes = patternBytes(size, seed);
      const digest = await asset(bytes);
      const read = async () => {
        const file = await s3.blobs.localAsset(digest);
        const found = readFileSync(file.path);
        await file.release();
        return found;
      };
      return { read, bytes };
    },
  ],
];

test.each(ways)('%s: the store stops in the middle, it is asked again from where it stopped', async (_, make) => {
  const { read, bytes } = await make(2);
  stalling({ kind: 'stall', afterBytes: 900 * kib }, 2);
  expect(Buffer.compare(await read(), bytes)).toBe(0);
  expect(stub.count('GetObject')).toBeGreaterThan(2);
});

test.each(ways.slice(0, 1))('%s: the store does not answer, it is asked again', async (_, make) => {
  const { read, bytes } = await make(3);
  stalling({ kind: 'wait', until: never }, 1);
  expect(Buffer.compare(await read(), bytes)).toBe(0);
  expect(stub.count('GetObject')).toBeGreaterThan(1);
});

test.each([ways[0], ways[2]].flatMap((way) => (way === undefined ? [] : [way])))(
  '%s: the store stands still for good, an error says so in time, and nothing is left',
  async (_, make) => {
    const { read, bytes } = await make(4);
    stalling({ kind: 'stall', afterBytes: 0 }, Number.POSITIVE_INFINITY);
    const started = performance.now();
    await expect(read()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/Stalled.*sends nothing/),
    });
    expect(performance.now() - started).toBeLessThan(20 * stallMs + 5_000);
    expect(readdirSync(join(dir, 'cache')).filter((name) => name.endsWith('.part'))).toEqual([]);
    stub.fault = () => null;
    expect(Buffer.compare(await read(), bytes)).toBe(0);
  },
);

test('a client that reads slowly is waited for', async () => {
  const bytes = patternBytes(8 * size, 20);
  const digest = await asset(bytes);
  const stream = await s3.blobs.readAsset(digest, { start: 0, end: bytes.byteLength });
  const parts: Buffer[] = [];
  for await (const part of stream) {
    if (parts.length === 0) await delay(3 * stallMs);
    parts.push(part as Buffer);
  }
  expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0);
  expect(stub.count('GetObject')).toBe(1);
});
