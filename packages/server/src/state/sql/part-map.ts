/** The part map in SQLite or PostgreSQL. */
import type { Range } from '../../core/extents.ts';
import type {
  InlinePiece,
  JoinPart,
  MapHead,
  PartMap,
  Piece,
  Recorded,
  SeenPieces,
} from '../../core/ports/part-map.ts';
import type { Sha256 } from '../../core/upload.ts';
import { type Engine, first, type Session } from './engine.ts';
import {
  cut,
  outside,
  type PartMapQueries,
  type PartMapRow,
  type PieceRow,
  partMapQueries,
  rowToPiece,
} from './part-map-queries.ts';

/** Rows or names in one statement. */
const some = 100;

export class SqlPartMap implements PartMap {
  readonly #engine: Engine;
  readonly #queries: PartMapQueries;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = partMapQueries(engine.dialect);
  }

  async open(uploadId: string): Promise<void> {
    if (await this.find(uploadId)) return;
    await this.#engine.write((session) => session.change(this.#queries.open(emptyMap(uploadId))));
  }

  async find(uploadId: string): Promise<MapHead | null> {
    const row = first(await this.#engine.read(this.#queries.find({ id: uploadId })));
    return row && rowToHead(row);
  }

  record(uploadId: string, epoch: number, piece: Piece | InlinePiece): Promise<Recorded> {
    const row = newRow(uploadId, piece);
    return this.#engine.write<Recorded>(async (session) => {
      const map = await this.#locked(session, uploadId);
      if (map === null) return { kind: 'gone' };
      if (map.epoch !== epoch) return { kind: 'fenced' };
      const replaced = await this.#clear(session, uploadId, { start: row.start_at, end: row.end_at });
      await session.change(this.#queries.insert([row]));
      await this.#discard(session, replaced);
      const change = {
        rewrites: map.rewrites + (replaced.length === 0 ? 0 : 1),
        inline_bytes: map.inline_bytes + inlineIn(row) - replaced.reduce((sum, old) => sum + inlineIn(old), 0),
        digest: null,
        digest_size: null,
      };
      await session.change(this.#queries.update(uploadId, change));
      return { kind: 'recorded', head: rowToHead({ ...map, ...change }) };
    });
  }

  replace(uploadId: string, seen: SeenPieces, by: Piece): Promise<boolean> {
    return this.#engine.write(async (session) => {
      const map = await this.#locked(session, uploadId);
      const range = { id: uploadId, start: by.start, end: by.end };
      const stored = await session.rows(this.#queries.whole(range));
      if (map?.rewrites !== seen.rewrites || !sameRows(stored, seen.pieces)) return false;
      await session.change(this.#queries.removeWithin(range));
      await session.change(this.#queries.insert([newRow(uploadId, by)]));
      await this.#discard(session, stored);
      const inline = map.inline_bytes - stored.reduce((sum, old) => sum + inlineIn(old), 0);
      await session.change(this.#queries.update(uploadId, { inline_bytes: inline }));
      return true;
    });
  }

  async pieces(uploadId: string, range?: Range): Promise<Piece[]> {
    const query = range ? this.#queries.within({ id: uploadId, ...range }) : this.#queries.pieces(uploadId);
    return (await this.#engine.read(query)).map(rowToPiece);
  }

  async inline(uploadId: string, range: Range): Promise<InlinePiece[]> {
    const rows = await this.#engine.read(this.#queries.inline({ id: uploadId, ...range }));
    return rows.map((row) => {
      const part = cut(row, Math.max(row.start_at, range.start), Math.min(row.end_at, range.end));
      return { start: part.start_at, bytes: part.bytes ?? new Uint8Array() };
    });
  }

  fence(uploadId: string): Promise<{ head: MapHead; pieces: Piece[] } | null> {
    return this.#engine.write(async (session) => {
      const map = await this.#locked(session, uploadId);
      if (map === null) return null;
      const next = { ...map, epoch: map.epoch + 1 };
      await session.change(this.#queries.update(uploadId, { epoch: next.epoch }));
      const pieces = await session.rows(this.#queries.pieces(uploadId));
      return { head: rowToHead(next), pieces: pieces.map(rowToPiece) };
    });
  }

  async setDigest(uploadId: string, head: MapHead, digest: { sha256: Sha256; size: number }): Promise<void> {
    const seen = { ...emptyMap(uploadId), epoch: head.epoch, rewrites: head.rewrites };
    await this.#engine.write((session) => session.change(this.#queries.setDigest(uploadId, seen, digest)));
  }

  async setTarget(uploadId: string, target: string | null): Promise<boolean> {
    return (await this.#engine.write((session) => session.change(this.#queries.update(uploadId, { target })))) > 0;
  }

  adopt(uploadId: string, parts: readonly JoinPart[], takeFirst: boolean): Promise<boolean> {
    return this.#engine.write(async (session) => {
      await session.change(this.#queries.open(emptyMap(uploadId)));
      for (const id of [...new Set([uploadId, ...parts.map((part) => part.id)])].sort())
        await this.#locked(session, id);
      const rows = await this.#joined(session, uploadId, parts, takeFirst);
      if (rows === null) return false;
      const old = await session.rows(this.#queries.whole({ id: uploadId, start: 0, end: Number.MAX_SAFE_INTEGER }));
      await session.change(this.#queries.removeAll(uploadId));
      const [taken] = parts;
      if (takeFirst && taken !== undefined) {
        await session.change(this.#queries.removeAll(taken.id));
        await session.change(this.#queries.removeMap(taken.id));
      }
      for (const slice of slices(rows)) await session.change(this.#queries.insert(slice));
      await this.#discard(session, old);
      const map = await this.#locked(session, uploadId);
      const change = {
        rewrites: (map?.rewrites ?? 0) + 1,
        inline_bytes: rows.reduce((sum, row) => sum + inlineIn(row), 0),
        digest: null,
        digest_size: null,
      };
      await session.change(this.#queries.update(uploadId, change));
      return true;
    });
  }

  remove(uploadId: string): Promise<string[]> {
    return this.#engine.write(async (session) => {
      await this.#locked(session, uploadId);
      const rows = await session.rows(this.#queries.pieces(uploadId));
      await session.change(this.#queries.removeAll(uploadId));
      await session.change(this.#queries.removeMap(uploadId));
      return await this.#discard(session, rows);
    });
  }

  async garbage(of: { uploadId: string } | { limit: number }): Promise<string[]> {
    const query = 'limit' in of ? this.#queries.garbage(of.limit) : this.#queries.garbageOf(of.uploadId);
    return (await this.#engine.read(query)).map((row) => row.object);
  }

  async swept(names: readonly string[]): Promise<void> {
    for (const slice of slices(names))
      await this.#engine.write((session) => session.change(this.#queries.swept(slice)));
  }

  async named(names: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (const slice of slices(names))
      for (const { object } of await this.#engine.read(this.#queries.named(slice)))
        if (object !== null) found.add(object);
    return found;
  }

  async uploads(after: string, limit: number): Promise<string[]> {
    return (await this.#engine.read(this.#queries.uploads(after, limit))).map((row) => row.upload_id);
  }

  async #locked(session: Session, id: string): Promise<PartMapRow | null> {
    return first(await session.rows(this.#queries.lock({ id })));
  }

  /** Takes the range out of what is recorded; the rows that were cut or removed. */
  async #clear(session: Session, id: string, { start, end }: Range): Promise<PieceRow[]> {
    const rows = await session.rows(this.#queries.whole({ id, start, end }));
    if (rows.length === 0) return rows;
    await session.change(this.#queries.removeWithin({ id, start, end }));
    const rest = rows.flatMap((row) => outside(row, start, end));
    for (const slice of slices(rest)) await session.change(this.#queries.insert(slice));
    // What is kept of a row counts as inline as before.
    return rows.map((row) => cut(row, Math.max(row.start_at, start), Math.min(row.end_at, end)));
  }

  /** Objects of these rows that no row names any more are garbage from here on. */
  async #discard(session: Session, rows: readonly { readonly object: string | null }[]): Promise<string[]> {
    const names = new Set(rows.flatMap((row) => (row.object === null ? [] : [row.object])));
    for (const slice of slices([...names])) {
      for (const { object } of await session.rows(this.#queries.named(slice)))
        if (object !== null) names.delete(object);
      const left = slice.filter((name) => names.has(name));
      if (left.length > 0) await session.change(this.#queries.discarded(left));
    }
    return [...names];
  }

  /** The rows of the parts, one behind the other; null when one of them has too few bytes. */
  async #joined(
    session: Session,
    id: string,
    parts: readonly JoinPart[],
    takeFirst: boolean,
  ): Promise<PieceRow[] | null> {
    const rows: PieceRow[] = [];
    let at = 0;
    for (const [i, part] of parts.entries()) {
      const whole = (of: string) => session.rows(this.#queries.whole({ id: of, start: 0, end: part.size }));
      let found = await whole(part.id);
      if (i === 0 && takeFirst && !covers(found, part.size)) found = await whole(id);
      if (!covers(found, part.size)) return null;
      for (const row of found)
        rows.push({ ...cut(row, row.start_at, Math.min(row.end_at, part.size), at), upload_id: id });
      at += part.size;
    }
    return rows;
  }
}

function slices<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / some) }, (_, i) => items.slice(i * some, (i + 1) * some));
}

function covers(rows: readonly PieceRow[], size: number): boolean {
  let at = 0;
  for (const row of rows) {
    if (row.start_at !== at) return at >= size;
    at = row.end_at;
  }
  return at >= size;
}

function sameRows(rows: readonly PieceRow[], pieces: readonly Piece[]): boolean {
  return (
    rows.length === pieces.length &&
    rows.every((row, i) => {
      const piece = pieces[i];
      return row.start_at === piece?.start && row.end_at === piece.end && row.object === (piece.object?.name ?? null);
    })
  );
}

function inlineIn(row: Pick<PieceRow, 'start_at' | 'end_at' | 'object'>): number {
  return row.object === null ? row.end_at - row.start_at : 0;
}

function newRow(uploadId: string, piece: Piece | InlinePiece): PieceRow {
  const inline = 'bytes' in piece;
  return {
    upload_id: uploadId,
    start_at: piece.start,
    end_at: inline ? piece.start + piece.bytes.byteLength : piece.end,
    object: inline ? null : (piece.object?.name ?? null),
    object_at: inline ? null : (piece.object?.at ?? null),
    object_size: inline ? null : (piece.object?.size ?? null),
    etag: inline ? null : (piece.object?.etag ?? null),
    bytes: inline ? piece.bytes : null,
  };
}

function emptyMap(uploadId: string): PartMapRow {
  return { upload_id: uploadId, epoch: 0, rewrites: 0, inline_bytes: 0, digest: null, digest_size: null, target: null };
}

function rowToHead(row: PartMapRow): MapHead {
  const { digest, digest_size: size } = row;
  return {
    epoch: row.epoch,
    rewrites: row.rewrites,
    inlineBytes: row.inline_bytes,
    digest: digest === null || size === null ? null : { sha256: digest, size },
    target: row.target,
  };
}
