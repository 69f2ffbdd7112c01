/** Rows of the part map, and the statements on them. */
import type { Piece } from '../../core/ports/part-map.ts';
import { type Dialect, prepare } from './engine.ts';

export interface PartMapRow {
  upload_id: string;
  epoch: number;
  rewrites: number;
  inline_bytes: number;
  digest: string | null;
  digest_size: number | null;
  target: string | null;
}

export interface PieceRow {
  upload_id: string;
  start_at: number;
  end_at: number;
  object: string | null;
  object_at: number | null;
  object_size: number | null;
  etag: string | null;
  bytes: Uint8Array | null;
}

export interface PartMapTables {
  part_maps: PartMapRow;
  pieces: PieceRow;
  garbage_objects: { object: string };
}

/** Without the bytes. */
export type PlainPieceRow = Omit<PieceRow, 'bytes'>;

const plain = ['upload_id', 'start_at', 'end_at', 'object', 'object_at', 'object_size', 'etag'] as const;

interface Within {
  readonly id: string;
  readonly start: number;
  readonly end: number;
}

export function partMapQueries({ build: db, rowLocks }: Dialect) {
  const within = (arg: <K extends keyof Within & string>(name: K) => Within[K]) =>
    db
      .selectFrom('pieces')
      .where('upload_id', '=', arg('id'))
      .where('start_at', '<', arg('end'))
      .where('end_at', '>', arg('start'))
      .orderBy('start_at');
  return {
    open: (row: PartMapRow) =>
      db
        .insertInto('part_maps')
        .values(row)
        .onConflict((on) => on.column('upload_id').doNothing())
        .compile(),
    find: prepare<{ id: string }, PartMapRow>((arg) =>
      db.selectFrom('part_maps').selectAll().where('upload_id', '=', arg('id')),
    ),
    lock: prepare<{ id: string }, PartMapRow>((arg) => {
      const query = db.selectFrom('part_maps').selectAll().where('upload_id', '=', arg('id'));
      return rowLocks ? query.forUpdate() : query;
    }),
    update: (id: string, change: Partial<Omit<PartMapRow, 'upload_id'>>) =>
      db.updateTable('part_maps').set(change).where('upload_id', '=', id).compile(),
    setDigest: (id: string, seen: PartMapRow, digest: { sha256: string; size: number }) =>
      db
        .updateTable('part_maps')
        .set({ digest: digest.sha256, digest_size: digest.size })
        .where('upload_id', '=', id)
        .where('epoch', '=', seen.epoch)
        .where('rewrites', '=', seen.rewrites)
        .compile(),
    removeMap: (id: string) => db.deleteFrom('part_maps').where('upload_id', '=', id).compile(),
    pieces: (id: string) =>
      db.selectFrom('pieces').select(plain).where('upload_id', '=', id).orderBy('start_at').compile(),
    within: prepare<Within, PlainPieceRow>((arg) => within(arg).select(plain)),
    whole: prepare<Within, PieceRow>((arg) => within(arg).selectAll()),
    inline: prepare<Within, PieceRow>((arg) => within(arg).selectAll().where('bytes', 'is not', null)),
    insert: (rows: readonly PieceRow[]) =>
      db
        .insertInto('pieces')
        .values([...rows])
        .compile(),
    removeWithin: prepare<Within, unknown>((arg) =>
      db
        .deleteFrom('pieces')
        .where('upload_id', '=', arg('id'))
        .where('start_at', '<', arg('end'))
        .where('end_at', '>', arg('start')),
    ),
    removeAll: (id: string) => db.deleteFrom('pieces').where('upload_id', '=', id).compile(),
    named: (names: readonly string[]) =>
      db
        .selectFrom('pieces')
        .select('object')
        .distinct()
        .where('object', 'in', [...names])
        .compile(),
    discarded: (names: readonly string[]) =>
      db
        .insertInto('garbage_objects')
        .values(names.map((object) => ({ object })))
        .onConflict((on) => on.column('object').doNothing())
        .compile(),
    garbage: (limit: number) =>
      db.selectFrom('garbage_objects').select('object').orderBy('object').limit(limit).compile(),
    garbageOf: (id: string) =>
      db
        .selectFrom('garbage_objects')
        .select('object')
        .where('object', '>', `${id}/`)
        .where('object', '<', `${id}0`)
        .compile(),
    swept: (names: readonly string[]) =>
      db
        .deleteFrom('garbage_objects')
        .where('object', 'in', [...names])
        .compile(),
    uploads: (after: string, limit: number) =>
      db
        .selectFrom('part_maps')
        .select('upload_id')
        .where('upload_id', '>', after)
        .orderBy('upload_id')
        .limit(limit)
        .compile(),
  };
}
export type PartMapQueries = ReturnType<typeof partMapQueries>;

/** What is left of a row outside of [start, end): before it, behind it. */
export function outside(row: PieceRow, start: number, end: number): PieceRow[] {
  const before = row.start_at < start ? [cut(row, row.start_at, start)] : [];
  return row.end_at > end ? [...before, cut(row, end, row.end_at)] : before;
}

/** The part of a row in [start, end), which is in it; moved by `shift`. */
export function cut(row: PieceRow, start: number, end: number, shift = 0): PieceRow {
  const skip = start - row.start_at;
  return {
    ...row,
    start_at: start + shift,
    end_at: end + shift,
    object_at: row.object_at === null ? null : row.object_at + skip,
    bytes: row.bytes === null ? null : row.bytes.subarray(skip, skip + end - start),
  };
}

export function rowToPiece(row: PlainPieceRow): Piece {
  const { object, object_at: at, object_size: size, etag } = row;
  return {
    start: row.start_at,
    end: row.end_at,
    object: object === null ? null : { name: object, at: at ?? 0, size: size ?? 0, etag: etag ?? '' },
  };
}
