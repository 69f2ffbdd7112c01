/** Recordings: uploads whose facts outlive them. */
import { createHash } from 'node:crypto';
import type { Recording, RecordingQuery, RecordingStore } from '../../core/ports/recording-store.ts';
import type { Upload } from '../../core/upload.ts';
import { type Dialect, type Engine, first, type Session } from './engine.ts';
import type { UploadRow } from './schema.ts';
import { folded, rowToUpload } from './upload-rows.ts';

type Joined = { readonly [K in keyof UploadRow]: UploadRow[K] | null } & { readonly kept: string | null };

/** PostgreSQL takes 2,704 bytes of all columns of an index together. */
const keyBytesMax = 1_000;

/** What the recordings of a subject are found by. */
export function subjectKey(subject: string): string {
  const whole = folded(subject);
  if (Buffer.byteLength(whole) <= keyBytesMax) return whole;
  return `sha256:${createHash('sha256').update(whole).digest('hex')}`;
}

/** Before there was a bound, SQLite kept long ones whole. */
export function subjectsLike(subject: string): string[] {
  return [...new Set([subjectKey(subject), folded(subject)])];
}

export function recordingQueries(dialect: Dialect) {
  const db = dialect.build;
  const page = (query: Pick<RecordingQuery, 'principal' | 'subject'>) => {
    const own = db.selectFrom('recordings').where('recordings.principal', '=', query.principal);
    return query.subject === undefined
      ? own
      : own.where('recordings.subject_folded', 'in', subjectsLike(query.subject));
  };
  return {
    find: (id: string, principal: string) =>
      page({ principal })
        .leftJoin('uploads', 'uploads.id', 'recordings.id')
        .selectAll('uploads')
        .select('recordings.upload as kept')
        .where('recordings.id', '=', id)
        .compile(),

    list: (query: RecordingQuery) =>
      page(query)
        .leftJoin('uploads', 'uploads.id', 'recordings.id')
        .selectAll('uploads')
        .select('recordings.upload as kept')
        .orderBy('recordings.created_at', 'desc')
        .orderBy('recordings.id', 'desc')
        .limit(query.limit)
        .offset(query.skip)
        .compile(),

    count: (query: RecordingQuery) =>
      page(query)
        .select((eb) => eb.fn.countAll<number>().as('total'))
        .compile(),

    insert: (upload: Upload, subject: string) =>
      db
        .insertInto('recordings')
        .values({
          id: upload.id,
          principal: upload.principal,
          subject_folded: subjectKey(subject),
          created_at: upload.createdAt,
          upload: null,
        })
        .compile(),

    recorded: (ids: readonly string[]) =>
      db
        .selectFrom('uploads')
        .selectAll()
        .where('id', 'in', (eb) =>
          eb
            .selectFrom('recordings')
            .select('id')
            .where('id', 'in', [...ids]),
        )
        .compile(),

    keep: (row: UploadRow) =>
      db
        .updateTable('recordings')
        .set({ upload: JSON.stringify(row) })
        .where('id', '=', row.id)
        .compile(),
  };
}

/** Before these uploads are deleted: leaves the facts of those that are recordings. */
export async function keepRecordings(dialect: Dialect, session: Session, ids: readonly string[]): Promise<void> {
  const queries = recordingQueries(dialect);
  for (const row of await session.rows(queries.recorded(ids))) await session.change(queries.keep(row));
}

export class SqlRecordingStore implements RecordingStore {
  readonly #engine: Engine;
  readonly #queries: ReturnType<typeof recordingQueries>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = recordingQueries(engine.dialect);
  }

  async findRecording(id: string, principal: string): Promise<Recording | null> {
    const row = first(await this.#engine.read(this.#queries.find(id, principal)));
    return row && rowToRecording(row);
  }

  async listRecordings(query: RecordingQuery): Promise<{ items: Recording[]; total: number }> {
    const rows = await this.#engine.read(this.#queries.list(query));
    const counted = first(await this.#engine.read(this.#queries.count(query)));
    return { items: rows.map(rowToRecording), total: counted?.total ?? 0 };
  }
}

/** What was kept may be older than some columns: they are null then. */
function rowToRecording({ kept, ...row }: Joined): Recording {
  const facts = kept === null ? row : { ...row, ...(JSON.parse(kept) as UploadRow) };
  return { upload: rowToUpload(facts as UploadRow), purged: kept !== null };
}
