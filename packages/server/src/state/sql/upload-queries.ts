/** Every statement about uploads and their extents. Conditions that a partial index answers are literals, or no planner would see it. */
import { sql } from 'kysely';
import type { UploadQuery } from '../../core/ports/upload-store.ts';
import { finalPhases, livePhases, type Millis, type PhaseName } from '../../core/upload.ts';
import { decodeCursor } from './cursor.ts';
import { type Dialect, perNumber, prepare } from './engine.ts';
import type { ExtentRow, UploadRow } from './schema.ts';
import { sought } from './storable.ts';
import { changeable, everyColumn, folded } from './upload-rows.ts';
import { oneOf } from './word-list.ts';

/** Bound parameters in one statement; SQLite allows more, this is plenty. */
export const listMax = 500;

const inPhase = (values: readonly PhaseName[]) => sql.raw<boolean>(oneOf({ column: 'state', values }));
export const isLive = inPhase(livePhases);
const isFinal = inPhase(finalPhases);
const canExpire = sql<boolean>`state in ('receiving', 'paused')`;

/** The expression that the index for counting is on. */
const counted = sql<PhaseName>`state || ''`;

/** `%` and `_` in what people look for mean themselves. */
export function containing(text: string): string {
  return `%${sought(text).replaceAll(/[\\%_]/g, '\\$&')}%`;
}

interface ExtentColumnsOrNull {
  extent_length: number | null;
  extent_crc32: number | null;
  extent_sha256: string | null;
  extent_received_at: number | null;
}
export type UploadWithExtentRow = UploadRow & ExtentColumnsOrNull;

export function uploadQueries(dialect: Dialect) {
  const db = dialect.build;
  const page = () => db.selectFrom('uploads').selectAll();
  return {
    find: prepare<{ id: string }, UploadRow>((arg) => page().where('id', '=', arg('id'))),

    /**
     * The upload and what it has at the offset, as of one moment. Not for use under a lock: a row that is read along is not looked at again after
     * the wait for the lock. No join: with parameters SQLite prepares one anew each time, which takes longer than all the rest of a receipt's reads.
     */
    findWithExtent: prepare<{ id: string; offset: number }, UploadWithExtentRow>((arg) =>
      page()
        .select((eb) => {
          const extent = eb
            .selectFrom('extents')
            .whereRef('extents.upload_id', '=', 'uploads.id')
            .where('extents.offset', '=', arg('offset'));
          return [
            extent.select('extents.length').as('extent_length'),
            extent.select('extents.crc32').as('extent_crc32'),
            extent.select('extents.sha256').as('extent_sha256'),
            extent.select('extents.received_at').as('extent_received_at'),
          ];
        })
        .where('uploads.id', '=', arg('id')),
    ),

    lock: prepare<{ id: string }, UploadRow>((arg) =>
      page()
        .where('id', '=', arg('id'))
        .$if(dialect.rowLocks, (query) => query.forNoKeyUpdate()),
    ),

    extentAt: prepare<{ upload_id: string; offset: number }, ExtentRow>((arg) =>
      db
        .selectFrom('extents')
        .selectAll()
        .where('upload_id', '=', arg('upload_id'))
        .where('offset', '=', arg('offset')),
    ),

    lastExtent: prepare<{ upload_id: string }, ExtentRow>((arg) =>
      db.selectFrom('extents').selectAll().where('upload_id', '=', arg('upload_id')).orderBy('offset', 'desc').limit(1),
    ),

    insertExtent: prepare<ExtentRow, unknown>((arg) =>
      db.insertInto('extents').values({
        upload_id: arg('upload_id'),
        offset: arg('offset'),
        length: arg('length'),
        crc32: arg('crc32'),
        sha256: arg('sha256'),
        received_at: arg('received_at'),
      }),
    ),

    update: prepare<UploadRow, unknown>((arg) =>
      db
        .updateTable('uploads')
        .set(Object.fromEntries(changeable.map((column) => [column, arg(column)])))
        .where('id', '=', arg('id')),
    ),

    insert: prepare<UploadRow, unknown>((arg) => db.insertInto('uploads').values(everyColumn((column) => arg(column)))),

    /** The live upload after `count` others: there is one when the principal has more than `count`. */
    liveBeyond: perNumber((count) =>
      prepare<{ principal: string }, { id: string }>((arg) =>
        db
          .selectFrom('uploads')
          .select('id')
          .where('principal', '=', arg('principal'))
          .where(isLive)
          .limit(1)
          .offset(count),
      ),
    ),

    /** What the principal's live uploads add up to, in bytes. */
    liveBytes: (principal: string) =>
      db
        .selectFrom('uploads')
        .select(sql<number>`coalesce(sum(coalesce(size, received_bytes)), 0)`.as('bytes'))
        .where('principal', '=', principal)
        .where(isLive)
        .compile(),

    deleteExtents: (uploadId: string, offsets: readonly number[]) =>
      db
        .deleteFrom('extents')
        .where('upload_id', '=', uploadId)
        .where('offset', 'in', [...offsets])
        .compile(),

    extents: prepare<{ upload_id: string }, ExtentRow>((arg) =>
      db.selectFrom('extents').selectAll().where('upload_id', '=', arg('upload_id')).orderBy('offset'),
    ),

    list: (query: UploadQuery) => {
      let select = page().where('principal', '=', query.principal);
      if (query.phases) select = select.where('state', 'in', [...query.phases]);
      if (query.filename)
        select = select.where(sql<boolean>`filename_folded like ${containing(folded(query.filename))} escape '\\'`);
      if (query.cursor !== undefined) {
        const after = decodeCursor(query.cursor);
        select = select.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('created_at', 'id'), '<', tuple(after.createdAt, after.id)),
        );
      }
      return select
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(query.limit + 1)
        .compile();
    },

    dueToExpire: (now: Millis, limit: number) =>
      page()
        .where('expires_at', '<=', now)
        .where(canExpire)
        .where('concat_uses', '=', 0)
        .orderBy('expires_at')
        .limit(limit)
        .compile(),

    // Only validating and assembling uploads have a lease: the table checks it.
    abandoned: (now: Millis, limit: number) =>
      page().where('lease_until', '<=', now).orderBy('lease_until').limit(limit).compile(),

    heldBy: (holder: string, limit: number) => page().where('lease_holder', '=', holder).limit(limit).compile(),

    toRelease: (limit: number) =>
      page().where(sql<boolean>`storage = 'held'`).where(isFinal).orderBy('updated_at').limit(limit).compile(),

    released: prepare<{ id: string }, unknown>((arg) =>
      db.updateTable('uploads').set({ storage: 'released' }).where('id', '=', arg('id')),
    ),

    purgeable: (before: Millis, limit: number) =>
      db
        .selectFrom('uploads')
        .select('id')
        .where(sql<boolean>`storage = 'released'`)
        .where(isFinal)
        .where('updated_at', '<', before)
        .orderBy('updated_at')
        .limit(limit)
        .$if(dialect.rowLocks, (query) => query.forUpdate().skipLocked())
        .compile(),

    /** One more use of each, as far as they are live partial uploads of the principal. */
    useParts: (ids: readonly string[], principal: string) =>
      db
        .updateTable('uploads')
        .set((eb) => ({ concat_uses: eb('concat_uses', '+', 1) }))
        .where('id', 'in', [...ids])
        .where('principal', '=', principal)
        .where('concat_role', '=', 'partial')
        .where(canExpire)
        .compile(),

    freeParts: (ids: readonly string[]) =>
      db
        .updateTable('uploads')
        .set((eb) => ({ concat_uses: eb('concat_uses', '-', 1) }))
        .where('id', 'in', [...ids])
        .where('concat_uses', '>', 0)
        .compile(),

    insertParts: (ids: readonly string[], finalId: string) =>
      db
        .insertInto('upload_parts')
        .values(ids.map((id) => ({ part_id: id, final_id: finalId })))
        .compile(),

    deleteParts: (finalId: string) => db.deleteFrom('upload_parts').where('final_id', '=', finalId).compile(),

    finalsOf: (partId: string) =>
      db
        .selectFrom('uploads')
        .innerJoin('upload_parts', 'upload_parts.final_id', 'uploads.id')
        .selectAll('uploads')
        .where('upload_parts.part_id', '=', partId)
        .compile(),

    findFinal: (principal: string, parts: readonly string[]) =>
      page()
        .where('principal', '=', principal)
        .where('concat_parts', '=', JSON.stringify(parts))
        .where('state', 'not in', ['cancelled', 'expired', 'failed'])
        .orderBy('created_at', 'desc')
        .limit(1)
        .compile(),

    waitingFinals: (afterId: string, limit: number) =>
      page()
        .where(sql<boolean>`concat_role = 'final' and state = 'receiving'`)
        .where('id', '>', afterId)
        .orderBy('id')
        .limit(limit)
        .compile(),

    /** Extents go with their upload. */
    deleteUploads: (ids: readonly string[]) =>
      db
        .deleteFrom('uploads')
        .where('id', 'in', [...ids])
        .compile(),

    deleteEventsOf: (ids: readonly string[]) =>
      db
        .deleteFrom('events')
        .where('subject', '=', 'upload')
        .where('subject_id', 'in', [...ids])
        .compile(),

    /** Of processes that died in the middle of a request, and whose place nobody has taken since. */
    deleteClaimsOf: (ids: readonly string[]) =>
      db
        .deleteFrom('extent_claims')
        .where('upload_id', 'in', [...ids])
        .compile(),
    deleteLocksOf: (ids: readonly string[]) =>
      db
        .deleteFrom('upload_locks')
        .where('upload_id', 'in', [...ids])
        .compile(),

    live: (afterId: string, limit: number) =>
      page().where('id', '>', afterId).where(isLive).orderBy('id').limit(limit).compile(),

    countByPhase: () =>
      db
        .selectFrom('uploads')
        .select([counted.as('state'), (eb) => eb.fn.countAll<number>().as('count')])
        .groupBy(counted)
        .compile(),
  };
}

export type UploadQueries = ReturnType<typeof uploadQueries>;
