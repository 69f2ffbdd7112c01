/** Uploads whose bytes are appended: whatever arrives counts, the offset never goes back, one sender at a time. */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HoldfastError } from '../src/core/errors.ts';
import { bodyOf, breakingBody, patternBytes, stallingBody } from '../src/testing/body.ts';
import { expectedDigest } from '../src/uploads/append-checks.ts';
import { dropDamaged } from '../src/uploads/repair.ts';
import { AppendFolder, type AppendNode, principal } from './append-node.ts';
import { KiB, sha256 } from './running-node.ts';

let folder: AppendFolder;
let node: AppendNode;
beforeAll(async () => {
  folder = await AppendFolder.make();
  node = await folder.open({ limits: { segmentBytes: 256 * KiB } });
});
afterAll(() => folder[Symbol.asyncDispose]());

export function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'fine',
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );
}

describe('what arrives counts', () => {
  test.each(['breaks off', 'stops sending'])('of a body that %s, and the error says where to go on', async (how) => {
    const bytes = patternBytes(1_000_000, 3);
    const { id } = await node.create({ size: bytes.length });
    const cut = how === 'breaks off' ? breakingBody : stallingBody;
    const failure = await node.append(id, 0, cut(bytes, 700_001, { batchBytes: 65_536 })).catch((e: unknown) => e);
    expect(failure).toMatchObject({
      code: how === 'breaks off' ? 'body-too-short' : 'body-timeout',
      details: { offset: 700_001 },
    });
    expect(await node.find(id)).toMatchObject({ receivedBytes: 700_001, phase: { name: 'receiving' } });
    const last = await node.append(id, 700_001, bytes.subarray(700_001));
    expect(last).toMatchObject({ appendedBytes: 299_999, upload: { phase: { name: 'validating' } } });
    expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  });

  test('of a file of a length that is told later, room is asked for once for every byte of a body', async () => {
    const bytes = patternBytes(1_000_000, 4);
    const asked: (number | null)[] = [];
    const { prepare } = node.deps.blobs;
    node.deps.blobs.prepare = async (id, size) => {
      asked.push(size);
      await prepare(id, size);
    };
    const { id } = await node.create();
    await node.append(id, 0, bytes);
    node.deps.blobs.prepare = prepare;
    expect(asked.length).toBeGreaterThan(2);
    expect(new Set(asked)).toEqual(new Set([bytes.length]));
    await node.append(id, bytes.length, new Uint8Array(0), { size: bytes.length });
    expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  });

  test('at any cut, in any order of cuts: the offset never goes back and the digest is right', async () => {
    const seed = Number(process.env['APPEND_SEED'] ?? Date.now() % 1_000_000);
    console.log(`APPEND_SEED=${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 40; round += 1) {
      const bytes = patternBytes(1 + random(900_000), seed + round);
      const { id } = await node.create({ size: bytes.length });
      let offset = 0;
      while (offset < bytes.length) {
        const after = random(bytes.length - offset + 1);
        const rest = bytes.subarray(offset);
        const sent =
          random(3) === 0
            ? bodyOf(rest.subarray(0, after))
            : breakingBody(rest, after, { batchBytes: 1 + random(200_000) });
        await node.append(id, offset, sent).catch(() => {});
        const now = (await node.find(id)).receivedBytes;
        expect(now, `seed ${seed}`).toBe(offset + after);
        offset = now;
        if (offset === bytes.length) break;
      }
      expect((await node.ended(id)).phase, `seed ${seed}`).toMatchObject({ assetId: sha256(bytes) });
    }
  }, 60_000);

  test('a long body is recorded while it comes', async () => {
    const bytes = patternBytes(2_000_000, 4);
    const { id } = await node.create({ size: bytes.length });
    const seen: number[] = [];
    const beforeBatch = async () => void seen.push((await node.find(id)).receivedBytes);
    await node.append(id, 0, bodyOf(bytes, { batchBytes: 65_536, beforeBatch }));
    expect(seen.at(-1)).toBeGreaterThan(1_000_000);
    expect(await node.deps.store.extents(id)).toHaveLength(1);
    expect((await node.ended(id)).phase).toMatchObject({ assetId: sha256(bytes) });
  });

  test('a little at a time does not make a row each time, and the joined checksum is that of the bytes', async () => {
    const bytes = patternBytes(500 * 1000, 5);
    const { id } = await node.create({ size: bytes.length + 1 });
    for (let at = 0; at < bytes.length; at += 5000) await node.append(id, at, bytes.subarray(at, at + 5000));
    const [only, ...others] = await node.deps.store.extents(id);
    expect(others).toEqual([]);
    expect(only).toMatchObject({ offset: 0, length: bytes.length });
    expect(await node.deps.blobs.checksum(id, { start: 0, end: bytes.length })).toBe(only?.crc32);
    expect(await node.find(id)).toMatchObject({ receivedExtents: 1 });
  });
});

describe('refused', () => {
  test('another offset, with the right one', async () => {
    const { id } = await node.create({ size: 100 });
    await node.append(id, 0, patternBytes(40));
    for (const offset of [0, 39, 41, 100]) {
      const failure = await node.append(id, offset, patternBytes(10)).catch((e: unknown) => e);
      expect(failure).toMatchObject({ code: 'offset-mismatch', details: { offset: 40 } });
    }
    expect((await node.find(id)).receivedBytes).toBe(40);
  });

  test('more than the file has, declared or not: nothing of the request is kept', async () => {
    const { id } = await node.create({ size: 100_000 });
    expect(await code(node.append(id, 0, patternBytes(100_001)))).toBe('body-too-long');
    expect(await code(node.append(id, 0, bodyOf(patternBytes(100_001), { batchBytes: 30_000 })))).toBe('body-too-long');
    expect((await node.find(id)).receivedBytes).toBe(0);
    const bytes = patternBytes(100_000, 9);
    await node.append(id, 0, bytes);
    expect((await node.ended(id)).phase).toMatchObject({ assetId: sha256(bytes) });
  });

  test('a body whose digest is another one: the offset stays, the next try is fine', async () => {
    const bytes = patternBytes(600_000, 6);
    const { id } = await node.create({ size: bytes.length });
    const digest = expectedDigest({ algorithm: 'sha-256', value: sha256(bytes.subarray(0, 400_000)) });
    expect(await code(node.append(id, 0, patternBytes(400_000, 7), { digest }))).toBe('digest-mismatch');
    expect(await code(node.append(id, 0, breakingBody(bytes, 300_000), { digest }))).toBe('body-too-short');
    expect(await node.find(id)).toMatchObject({ receivedBytes: 0, receivedExtents: 0 });
    await node.append(id, 0, bytes.subarray(0, 400_000), { digest });
    await node.append(id, 400_000, bytes.subarray(400_000));
    expect((await node.ended(id)).phase).toMatchObject({ assetId: sha256(bytes) });
  });

  test('uploads of other people, of no one, of another kind, and ended ones', async () => {
    const { id } = await node.create({ size: 10 });
    expect(await code(node.append(id, 0, patternBytes(1), { principal: 'else' }))).toBe('upload-not-found');
    expect(await code(node.append('01900000-nobody', 0, patternBytes(1)))).toBe('upload-not-found');
    const chunk = {
      uploadId: id,
      principal,
      index: 0,
      declaredLength: 10,
      digest: null,
      body: bodyOf(patternBytes(10)),
    };
    expect(await code(node.service.receiveChunk(chunk))).toBe('wrong-protocol');
    const grid = await node.create({ size: 10, intake: 'grid' });
    expect(await code(node.append(grid.id, 0, patternBytes(1)))).toBe('wrong-protocol');
    await node.service.cancel({ id, principal });
    expect(await code(node.append(id, 0, patternBytes(1)))).toBe('upload-closed');
  });

  test('damaged bytes, and all behind them, are asked for again: there is no going on behind a gap', async () => {
    const size = 9 * 1024 * 1024;
    const bytes = patternBytes(3 * size, 13);
    const { id } = await node.create({ size: bytes.length + 1 });
    for (const i of [0, 1, 2]) await node.append(id, i * size, bytes.subarray(i * size, (i + 1) * size));
    const [, second] = await node.deps.store.extents(id);
    const from = second?.offset ?? 0;
    expect(from).toBeGreaterThan(0);
    const file = await open(join(folder.dir, 'incoming', id), 'r+');
    await file.write(Buffer.from('damage'), 0, 6, from + 1000);
    await file.close();
    expect(await dropDamaged(node.deps, id, 'test')).toBe(bytes.length - from);
    expect(await node.find(id)).toMatchObject({ receivedBytes: from, receivedExtents: 1 });
    await node.append(id, from, bytes.subarray(from));
    expect(await dropDamaged(node.deps, id, 'test')).toBe(0);
  });

  test('bytes that somebody removed are asked for again', async () => {
    const bytes = patternBytes(300_000, 8);
    const { id } = await node.create({ size: bytes.length });
    await node.append(id, 0, bytes.subarray(0, 200_000));
    await rm(join(folder.dir, 'incoming', id));
    expect(await code(node.append(id, 200_000, bytes.subarray(200_000)))).toBe('unavailable');
    expect(await node.find(id)).toMatchObject({ receivedBytes: 0, receivedExtents: 0 });
    await node.append(id, 0, bytes);
    expect((await node.ended(id)).phase).toMatchObject({ assetId: sha256(bytes) });
  });
});

describe('a length that is told later', () => {
  test('with any body, with none, before or after the last byte; once', async () => {
    const bytes = patternBytes(100_000, 10);
    const early = await node.create();
    await node.append(early.id, 0, bytes.subarray(0, 10), { size: bytes.length });
    expect(await code(node.append(early.id, 10, bytes.subarray(10, 20), { size: 99 }))).toBe('length-conflict');
    await node.append(early.id, 10, bytes.subarray(10), { size: bytes.length });
    const late = await node.create();
    await node.append(late.id, 0, bytes);
    expect((await node.find(late.id)).phase.name).toBe('receiving');
    expect(await code(node.append(late.id, bytes.length, new Uint8Array(), { size: bytes.length - 1 }))).toBe(
      'length-conflict',
    );
    for (let twice = 0; twice < 2; twice += 1)
      await node.append(late.id, bytes.length, new Uint8Array(), { size: bytes.length });
    for (const { id } of [early, late])
      expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  });

  test('as nothing at all, and beyond what the server takes', async () => {
    const { id } = await node.create();
    expect(await code(node.append(id, 0, new Uint8Array(), { size: 2 ** 52 }))).toBe('file-too-large');
    await node.append(id, 0, new Uint8Array(), { size: 0 });
    expect((await node.ended(id)).phase).toMatchObject({ assetId: sha256(new Uint8Array()) });
  });

  test('an upload that ends when its client says so does not end before, and not elsewhere', async () => {
    const bytes = patternBytes(1000, 11);
    const { id } = await node.create({ ends: 'by-client', size: bytes.length });
    expect(await code(node.append(id, 0, bytes.subarray(0, 500), { end: true }))).toBe('length-conflict');
    const at = (await node.find(id)).receivedBytes;
    await node.append(id, at, bytes.subarray(at));
    expect((await node.find(id)).phase.name).toBe('receiving');
    await node.append(id, bytes.length, new Uint8Array(), { end: true });
    expect((await node.ended(id)).phase).toMatchObject({ assetId: sha256(bytes) });
  });
});

describe('while a body comes', () => {
  /** A body that gives 64 KiB, then waits until it is interrupted. */
  function endless() {
    const bytes = patternBytes(1_000_000, 12);
    const { promise: waiting, resolve: reached } = Promise.withResolvers<void>();
    const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>();
    const body = bodyOf(bytes, {
      batchBytes: 65_536,
      beforeBatch: async (sent) => {
        if (sent < 65_536) return;
        reached();
        await interrupted;
      },
    });
    const plain = body.interrupt.bind(body);
    body.interrupt = (error) => {
      plain(error);
      interrupt();
    };
    return { bytes, body, waiting };
  }

  test('a newer request takes over; what had arrived is kept', async () => {
    const { bytes, body, waiting } = endless();
    const { id } = await node.create({ size: bytes.length });
    const old = code(node.append(id, 0, body));
    await waiting;
    expect(await code(node.append(id, 0, bytes))).toBe('offset-mismatch');
    expect(await old).toBe('upload-taken-over');
    await node.append(id, 65_536, bytes.subarray(65_536));
    expect((await node.ended(id)).phase).toMatchObject({ assetId: sha256(bytes) });
  });

  test('so does one in another process, within a second and a half', async () => {
    const other = await folder.open();
    const { bytes, body, waiting } = endless();
    const { id } = await node.create({ size: bytes.length });
    const old = code(node.append(id, 0, body));
    await waiting;
    const asked = performance.now();
    expect(await code(other.append(id, 0, bytes))).toBe('offset-mismatch');
    expect(performance.now() - asked).toBeLessThan(1_500);
    expect(await old).toBe('upload-taken-over');
    await other.append(id, 65_536, bytes.subarray(65_536));
    expect((await other.ended(id)).phase).toMatchObject({ assetId: sha256(bytes) });
  });

  test('pausing keeps what arrived, resuming goes on', async () => {
    const { bytes, body, waiting } = endless();
    const { id } = await node.create({ size: bytes.length });
    const old = code(node.append(id, 0, body));
    await waiting;
    expect((await node.service.pause({ id, principal })).upload).toMatchObject({ receivedBytes: 65_536 });
    expect(await old).toBe('upload-taken-over');
    expect(await code(node.append(id, 65_536, bytes.subarray(65_536)))).toBe('upload-paused');
    await node.service.resume({ id, principal });
    await node.append(id, 65_536, bytes.subarray(65_536));
    expect((await node.ended(id)).phase).toMatchObject({ assetId: sha256(bytes) });
  });

  test('cancelling ends it and frees the bytes', async () => {
    const { bytes, body, waiting } = endless();
    const { id } = await node.create({ size: bytes.length });
    const old = code(node.append(id, 0, body));
    await waiting;
    await node.service.cancel({ id, principal });
    expect(await old).toBe('upload-taken-over');
    expect(await node.deps.blobs.checksum(id, { start: 0, end: 1 })).toBeNull();
  });
});
