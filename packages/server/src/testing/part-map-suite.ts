/** The conformance suite of `PartMap`, and maps that break one obligation each. */
import { expect } from 'vitest';
import type { PartMap, Piece, SeenPieces } from '../core/ports/part-map.ts';
import type { BrokenAdapter, Check, Suite } from './conformance.ts';
import { unique } from './sample-upload.ts';
import { instead } from './stand-in.ts';

/** The same database as two processes have it. */
export interface PartMaps {
  readonly one: PartMap;
  readonly two: PartMap;
}

function stored(id: string, start: number, end: number, name = unique('object')): Piece {
  return { start, end, object: { name: `${id}/${name}`, at: 0, size: end - start, etag: 'e' } };
}

async function opened(map: PartMap): Promise<string> {
  const id = unique('upload');
  await map.open(id);
  return id;
}

const spans = (pieces: readonly Piece[]) => pieces.map(({ start, end, object }) => [start, end, object?.at ?? null]);

const newest =
  'the newest bytes stand for a range; what reaches beyond it keeps the rest, and objects without a piece are garbage';
const fences = 'after the epoch was raised by one process, what another one had begun is not recorded';
const parallel = 'records of two processes at once leave no overlap';
const inlines = 'keeps few bytes itself, cuts them, and puts an object in their place only while they are the same';
const adopts = 'joins pieces without copying; an object is garbage only when the last upload that names it is gone';
const digests = 'a digest is remembered until bytes are recorded';

export const partMapChecks: readonly Check<PartMaps>[] = [
  {
    name: newest,
    run: async ({ one, two }) => {
      const id = await opened(one);
      expect(await two.find(unique('none'))).toBeNull();
      expect(await one.record(unique('none'), 0, stored('x', 0, 1))).toEqual({ kind: 'gone' });
      const first = stored(id, 0, 100);
      await one.record(id, 0, first);
      expect((await two.find(id))?.rewrites).toBe(0);
      await two.record(id, 0, stored(id, 40, 60));
      expect(spans(await one.pieces(id))).toEqual([
        [0, 40, 0],
        [40, 60, 0],
        [60, 100, 60],
      ]);
      expect(spans(await one.pieces(id, { start: 39, end: 41 }))).toEqual([
        [0, 40, 0],
        [40, 60, 0],
      ]);
      expect((await two.find(id))?.rewrites).toBe(1);
      expect(await one.garbage({ uploadId: id })).toEqual([]);
      await one.record(id, 0, stored(id, 0, 100));
      expect(await two.garbage({ uploadId: id })).toHaveLength(2);
      expect(await two.named([first.object?.name ?? ''])).toEqual(new Set());
      await two.swept(await two.garbage({ uploadId: id }));
      expect(await one.garbage({ uploadId: id })).toEqual([]);
    },
  },
  {
    name: fences,
    run: async ({ one, two }) => {
      const id = await opened(one);
      await one.record(id, 0, stored(id, 0, 10));
      const fenced = await two.fence(id);
      expect(fenced?.head.epoch).toBe(1);
      expect(spans(fenced?.pieces ?? [])).toEqual([[0, 10, 0]]);
      expect(await one.record(id, 0, stored(id, 10, 20))).toEqual({ kind: 'fenced' });
      expect(await one.record(id, 1, stored(id, 10, 20))).toMatchObject({ kind: 'recorded' });
      expect(await one.fence(unique('none'))).toBeNull();
    },
  },
  {
    name: parallel,
    run: async ({ one, two }) => {
      const id = await opened(one);
      const at = Array.from({ length: 12 }, (_, i) => i * 7);
      await Promise.all(at.map((start, i) => (i % 2 ? one : two).record(id, 0, stored(id, start, start + 10))));
      const pieces = await one.pieces(id);
      expect(pieces[0]?.start).toBe(0);
      expect(pieces.at(-1)?.end).toBe(87);
      for (const [i, piece] of pieces.entries()) expect(piece.end).toBe(pieces[i + 1]?.start ?? 87);
    },
  },
  {
    name: inlines,
    run: async ({ one, two }) => {
      const id = await opened(one);
      await one.record(id, 0, { start: 0, bytes: Buffer.from('abcdef') });
      await two.record(id, 0, { start: 2, bytes: Buffer.from('XY') });
      await one.record(id, 0, { start: 6, bytes: Buffer.from('gh') });
      expect((await two.find(id))?.inlineBytes).toBe(8);
      const read = async () => Buffer.concat((await two.inline(id, { start: 1, end: 7 })).map((one) => one.bytes));
      expect((await read()).toString()).toBe('bXYefg');
      const pieces = await one.pieces(id);
      await two.record(id, 0, { start: 0, bytes: Buffer.from('Z') });
      const rewrites = async () => (await one.find(id))?.rewrites ?? 0;
      expect(await one.replace(id, { pieces, rewrites: await rewrites() }, stored(id, 0, 8))).toBe(false);
      expect((await two.find(id))?.inlineBytes).toBe(8);
      const seen = { rewrites: await rewrites(), pieces: await one.pieces(id) };
      await two.record(id, 0, { start: 6, bytes: Buffer.from('GH') });
      expect(await one.pieces(id)).toEqual(seen.pieces);
      expect(await one.replace(id, seen, stored(id, 0, 8)), 'other bytes in the same pieces').toBe(false);
      expect(await one.replace(id, { ...seen, rewrites: await rewrites() }, stored(id, 0, 8))).toBe(true);
      expect(spans(await two.pieces(id))).toEqual([[0, 8, 0]]);
      expect((await two.find(id))?.inlineBytes).toBe(0);
    },
  },
  {
    name: adopts,
    run: async ({ one, two }) => {
      const [first, second, final] = [await opened(one), await opened(one), unique('final')];
      const kept = stored(second, 0, 5);
      await one.record(first, 0, stored(first, 0, 10));
      await one.record(second, 0, kept);
      await one.record(second, 0, { start: 5, bytes: Buffer.from('12') });
      const parts = [
        { id: first, size: 10 },
        { id: second, size: 7 },
      ];
      expect(await one.adopt(final, [...parts, { id: second, size: 8 }], true)).toBe(false);
      expect(await one.find(first)).not.toBeNull();
      for (let again = 0; again < 2; again += 1) expect(await two.adopt(final, parts, true)).toBe(true);
      expect(spans(await one.pieces(final))).toEqual([
        [0, 10, 0],
        [10, 15, 0],
        [15, 17, null],
      ]);
      expect(await one.find(first)).toBeNull();
      expect(await two.remove(second)).toEqual([]);
      expect(await two.remove(final)).toHaveLength(2);
      expect(await two.remove(final)).toEqual([]);
      expect(await one.garbage({ uploadId: second })).toEqual([kept.object?.name]);
      expect(await one.uploads('', 1_000)).not.toContain(final);
    },
  },
  {
    name: digests,
    run: async ({ one, two }) => {
      const id = await opened(one);
      const recorded = await one.record(id, 0, stored(id, 0, 10));
      const head = recorded.kind === 'recorded' ? recorded.head : null;
      const digest = { sha256: 'a'.repeat(64), size: 10 };
      if (head) await two.setDigest(id, head, digest);
      expect((await one.find(id))?.digest).toEqual(digest);
      await one.record(id, 0, stored(id, 0, 10));
      expect((await two.find(id))?.digest).toBeNull();
      if (head) await two.setDigest(id, head, digest);
      expect((await one.find(id))?.digest).toBeNull();
      expect(await one.setTarget(id, 'made')).toBe(true);
      expect((await two.find(id))?.target).toBe('made');
      expect(await one.setTarget(unique('none'), 'made')).toBe(false);
    },
  },
];

export function partMapSuite(name: string, open: Suite<PartMaps>['open']): Suite<PartMaps> {
  return { name: `PartMap on ${name}`, checks: partMapChecks, open };
}

function breaking(change: (map: PartMap) => PartMap): (maps: PartMaps) => PartMaps {
  return ({ one, two }) => ({ one: instead(one, change(one)), two: instead(two, change(two)) });
}

export const brokenPartMaps: readonly BrokenAdapter<PartMaps>[] = [
  {
    name: 'records whatever the epoch is',
    caughtBy: fences,
    break: breaking(
      (map) =>
        ({
          record: async (id: string, _: number, piece: Piece) =>
            map.record(id, (await map.find(id))?.epoch ?? 0, piece),
        }) as unknown as PartMap,
    ),
  },
  {
    name: 'forgets garbage',
    caughtBy: newest,
    break: breaking(() => ({ garbage: async () => [] }) as unknown as PartMap),
  },
  {
    name: 'replaces without looking',
    caughtBy: inlines,
    break: breaking(
      (map) =>
        ({
          replace: async (id: string, seen: SeenPieces, by: Piece) =>
            map.replace(id, { ...seen, pieces: await map.pieces(id) }, by),
        }) as unknown as PartMap,
    ),
  },
  {
    name: 'takes other bytes in the same pieces for the same',
    caughtBy: inlines,
    break: breaking(
      (map) =>
        ({
          replace: async (id: string, seen: SeenPieces, by: Piece) =>
            map.replace(id, { ...seen, rewrites: (await map.find(id))?.rewrites ?? 0 }, by),
        }) as unknown as PartMap,
    ),
  },
  {
    name: 'takes a digest at any time',
    caughtBy: digests,
    break: breaking(
      (map) =>
        ({
          setDigest: async (id: string, _: unknown, digest: { sha256: string; size: number }) => {
            const now = await map.find(id);
            if (now) await map.setDigest(id, now, digest);
          },
        }) as unknown as PartMap,
    ),
  },
  {
    name: 'gives the parts of a join away',
    caughtBy: adopts,
    break: breaking(
      (map) =>
        ({
          adopt: async (id: string, parts: readonly { id: string; size: number }[], takeFirst: boolean) => {
            const done = await map.adopt(id, parts, takeFirst);
            if (!done) for (const part of parts) await map.remove(part.id);
            return done;
          },
        }) as unknown as PartMap,
    ),
  },
  {
    name: 'does not tell bytes apart that were recorded in parallel',
    caughtBy: parallel,
    break: breaking(
      (map) =>
        ({
          pieces: async (id: string) => (await map.pieces(id)).map((piece) => ({ ...piece, end: piece.end + 1 })),
        }) as unknown as PartMap,
    ),
  },
];
