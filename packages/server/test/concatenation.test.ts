/** Partial and final uploads: one file out of several, in order, created in O(1), finished in the background, whatever crashes. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HoldfastError } from '../src/core/errors.ts';
import type { CrashPointName } from '../src/core/ports/crash-points.ts';
import type { Upload } from '../src/core/upload.ts';
import { patternBytes } from '../src/testing/body.ts';
import { Sweeper } from '../src/uploads/sweep.ts';
import { verify } from '../src/uploads/verify.ts';
import { AppendFolder, type AppendNode, principal } from './append-node.ts';
import { sha256 } from './running-node.ts';

const bytes = patternBytes(3_000_000, 21);
const cuts = [0, 1_200_000, 1_200_001, 1_200_001, 2_500_000, bytes.length];
const pieces = cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));

let folder: AppendFolder;
let node: AppendNode;
beforeEach(async () => {
  folder = await AppendFolder.make();
  node = await folder.open();
});
afterEach(() => folder[Symbol.asyncDispose]());

function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'fine',
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );
}

async function partial(size: number | null, at = node): Promise<Upload> {
  return await at.create({ size, concatenation: { role: 'partial', uses: 0 } });
}

async function whole(content: Uint8Array, at = node): Promise<string> {
  const { id } = await partial(content.length, at);
  if (content.length > 0) await at.append(id, 0, content);
  return id;
}

async function final(parts: readonly string[], at = node): Promise<Upload> {
  return await at.create({ concatenation: { role: 'final', parts } });
}

async function completed(id: string, content: Uint8Array, at = node): Promise<void> {
  await expect.poll(async () => (await at.find(id)).phase.name, { timeout: 20_000 }).toMatch(/^(?:completed|failed)$/);
  expect(await at.find(id)).toMatchObject({
    phase: { name: 'completed', assetId: sha256(content) },
    size: content.length,
    receivedBytes: content.length,
  });
}

const incoming = () => readdir(join(folder.dir, 'incoming'));

describe('a final upload', () => {
  test('is its parts in order; they are freed, and nothing is left behind', async () => {
    const parts = [];
    for (const piece of pieces) parts.push(await whole(piece));
    const { id } = await final(parts);
    await completed(id, bytes);
    await expect.poll(incoming).toEqual([]);
    for (const part of parts) expect((await node.find(part)).phase.name).toBe('cancelled');
    const types = (await node.deps.store.events({ subject: { kind: 'upload', id }, after: 0, limit: 100 })).map(
      (e) => e.type,
    );
    expect(types).toEqual(['created', 'validating', 'assembling', 'completed']);
  });

  test('may name a part more than once, and share it with another one', async () => {
    const [a, b] = [await whole(patternBytes(300_000, 1)), await whole(patternBytes(70_000, 2))];
    const first = await final([a, b, a, a]);
    const second = await final([b, a]);
    const [contentA, contentB] = [patternBytes(300_000, 1), patternBytes(70_000, 2)];
    await completed(first.id, Buffer.concat([contentA, contentB, contentA, contentA]));
    await completed(second.id, Buffer.concat([contentB, contentA]));
    await expect.poll(incoming).toEqual([]);
  });

  test('asked for again, because the answer was lost, is the same one', async () => {
    const parts = [await whole(patternBytes(1_000, 3)), await whole(patternBytes(2_000, 4))];
    const { id } = await final(parts);
    await completed(id, Buffer.concat([patternBytes(1_000, 3), patternBytes(2_000, 4)]));
    await expect.poll(async () => (await node.find(parts[1] ?? '')).phase.name).toBe('cancelled');
    expect((await final(parts)).id).toBe(id);
    expect(await code(final([...parts].reverse()))).toBe('invalid-concatenation');
    expect(await code(node.create({ principal: 'else', concatenation: { role: 'final', parts } }))).toBe(
      'invalid-concatenation',
    );
  });

  test('of empty parts is an empty file', async () => {
    const { id } = await final([await whole(new Uint8Array()), await whole(new Uint8Array())]);
    await completed(id, new Uint8Array());
  });

  test('can be created before its parts are whole, in any order, and lengths can be told later', async () => {
    const open = await Promise.all(pieces.map((piece, i) => partial(i % 2 === 0 ? piece.length : null)));
    const { id } = await final(open.map((part) => part.id));
    for (const i of [3, 0, 4, 2, 1]) {
      expect(await node.find(id)).toMatchObject({ phase: { name: 'receiving' }, receivedBytes: 0, size: null });
      const [part, piece] = [open[i], pieces[i]];
      if (!part || !piece) throw new Error('no such part');
      const half = Math.floor(piece.length / 2);
      await node.append(part.id, 0, piece.subarray(0, half));
      await node.append(part.id, half, piece.subarray(half), { size: piece.length });
    }
    await completed(id, bytes);
  });

  test('is answered at once, whatever its size', async () => {
    const parts = await Promise.all(Array.from({ length: 8 }, (_, i) => whole(patternBytes(8_000_000, i))));
    const begun = performance.now();
    const { id } = await final(parts);
    expect(performance.now() - begun).toBeLessThan(100);
    await completed(id, Buffer.concat(Array.from({ length: 8 }, (_, i) => patternBytes(8_000_000, i))));
  });

  test('keeps its parts from expiring, lives as long as they do, and frees them when it is cancelled', async () => {
    const { id: part } = await partial(10);
    const { id } = await final([part]);
    expect(await code(node.service.cancel({ id: part, principal }))).toBe('upload-in-use');
    await node.deps.store.decide(part, null, (current) => ({
      kind: 'accept',
      next: { ...current, expiresAt: current.expiresAt + 5_000 },
      events: [],
      writes: [],
    }));
    await new Sweeper(node.deps, node.service).sweep();
    expect((await node.find(id)).expiresAt).toBe((await node.find(part)).expiresAt);
    await node.service.cancel({ id, principal });
    expect((await node.find(part)).concatenation).toEqual({ role: 'partial', uses: 0 });
    await node.service.cancel({ id: part, principal });
  });
});

describe('refused', () => {
  test('what is no partial upload of that principal, with its name', async () => {
    const good = await whole(patternBytes(10));
    const plain = await node.create({ size: 10 });
    const ended = await whole(patternBytes(10));
    await node.service.cancel({ id: ended, principal });
    const foreign = await node.create({ principal: 'else', size: 1, concatenation: { role: 'partial', uses: 0 } });
    const done = await final([await whole(patternBytes(5))]);
    for (const bad of [plain.id, ended, foreign.id, done.id, '01900000-nobody']) {
      const failure = await final([good, bad]).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'invalid-concatenation', details: { part: bad } });
    }
    expect(await code(final([]))).toBe('invalid-concatenation');
    expect(await code(final(Array.from({ length: 1_001 }, () => good)))).toBe('invalid-concatenation');
    expect((await node.find(good)).concatenation).toEqual({ role: 'partial', uses: 0 });
  });

  test('bytes for a final upload, and more of them for a part that is whole', async () => {
    const part = await whole(patternBytes(10));
    const { id: waiting } = await partial(10);
    const { id } = await final([part, waiting]);
    expect(await code(node.append(id, 0, patternBytes(1)))).toBe('upload-is-concatenation');
    expect(await code(node.append(part, 10, patternBytes(1)))).toBe('body-too-long');
    expect(await code(node.append(part, 0, patternBytes(1)))).toBe('offset-mismatch');
  });

  test('a final upload that another one names', async () => {
    const { id } = await final([await whole(patternBytes(10))]);
    expect(await code(final([id]))).toBe('invalid-concatenation');
  });
});

describe('a crash', () => {
  const points: readonly CrashPointName[] = [
    'concatenation:after-harden',
    'concatenation:after-join',
    'concatenation:after-take',
    'concatenation:after-copy',
    'completion:after-digest',
    'completion:after-verified',
    'completion:after-place',
    'completion:after-commit',
  ];
  test.each(points)('at %s changes nothing of the outcome', async (point) => {
    const { promise: crashed, resolve } = Promise.withResolvers<void>();
    const dying = await folder.open({
      crash: (name) => {
        if (name !== point) return;
        resolve();
        throw new Error('the process died here (test)');
      },
    });
    const parts = [];
    for (const piece of pieces) parts.push(await whole(piece, dying));
    const { id } = await final(parts, dying);
    await crashed;
    await dying.service.concatenations.idle();
    await dying.service.finisher.idle();
    await new Sweeper(node.deps, node.service).sweep();
    await node.service.finisher.takeOver(await node.find(id), dying.deps.holder);
    await completed(id, bytes);
  });

  test.each(['concatenation:after-join', 'concatenation:after-take', 'concatenation:after-copy'] as const)(
    'at %s: verify takes nothing for damaged or orphaned, and repairs nothing away',
    async (point) => {
      const dying = await folder.open({
        crash: (name) => {
          if (name === point) throw new Error('the process died here (test)');
        },
      });
      const parts = [];
      for (const piece of pieces) parts.push(await whole(piece, dying));
      const { id } = await final(parts, dying);
      await expect.poll(async () => (await dying.find(id)).phase.name).toBe('validating');
      await dying.service.concatenations.idle();
      await dying.service.finisher.idle();
      const { deps, ledger, artifacts } = node;
      const findings = [];
      for await (const one of verify({ deep: true, repair: true, deps, ledger, artifacts, progress: () => {} }))
        findings.push(one);
      expect(findings).toEqual([]);
      await node.service.finisher.takeOver(await node.find(id), dying.deps.holder);
      await completed(id, bytes);
    },
  );
});
