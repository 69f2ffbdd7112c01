/** What comes from an upload store elsewhere, into the database of the ledger. Everything has a key of its own, so that it comes in once. */
import type { Handover, KeptRecording, LedgerInbox } from '../../core/ports/ledger-inbox.ts';
import type { RecordingQuery } from '../../core/ports/recording-store.ts';
import type { Upload } from '../../core/upload.ts';
import { insertAsset } from './assets.ts';
import { type Dialect, type Engine, first, type Session } from './engine.ts';
import { EventLog } from './events.ts';
import { recordingQueries, subjectKey, subjectsLike } from './recordings.ts';
import { RunStarter } from './run-starter.ts';
import type { UploadRow } from './schema.ts';
import { listMax, type UploadQueries, uploadQueries } from './upload-queries.ts';
import { rowToUpload, uploadToRow } from './upload-rows.ts';

/** In the table of small facts. */
export const partnerName = 'upload-store';

/** Recordings without their uploads, which are elsewhere. */
function keptQueries({ build: db }: Dialect) {
  return {
    insert: (
      recording: NonNullable<Handover['recording']>,
      upload: { readonly id: string; readonly principal: string },
    ) =>
      db
        .insertInto('recordings')
        .values({
          ...upload,
          subject_folded: subjectKey(recording.subject),
          created_at: recording.createdAt,
          upload: null,
        })
        .onConflict((on) => on.doNothing())
        .compile(),

    select: ({ principal, subject }: Pick<RecordingQuery, 'principal' | 'subject'>) => {
      const own = db.selectFrom('recordings').select(['id', 'upload']).where('principal', '=', principal);
      return subject === undefined ? own : own.where('subject_folded', 'in', subjectsLike(subject));
    },
  };
}

export class SqlLedgerInbox implements LedgerInbox {
  readonly #engine: Engine;
  readonly #events: EventLog;
  readonly #runs: RunStarter;
  readonly #uploads: UploadQueries;
  readonly #recordings: ReturnType<typeof recordingQueries>;
  readonly #kept: ReturnType<typeof keptQueries>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#events = new EventLog(engine.dialect);
    this.#runs = new RunStarter(engine.dialect, this.#events);
    this.#uploads = uploadQueries(engine.dialect);
    this.#recordings = recordingQueries(engine.dialect);
    this.#kept = keptQueries(engine.dialect);
  }

  async partner(): Promise<number | null> {
    const { build } = this.#engine.dialect;
    const row = build.selectFrom('meta').select('value').where('name', '=', partnerName).compile();
    return first(await this.#engine.read(row))?.value ?? null;
  }

  async makePartner(id: number): Promise<number> {
    const insert = this.#engine.dialect.build
      .insertInto('meta')
      .values({ name: partnerName, value: id })
      .onConflict((on) => on.doNothing())
      .compile();
    await this.#engine.write((session) => session.change(insert));
    return (await this.partner()) ?? id;
  }

  async leavePartner(): Promise<boolean> {
    const remove = this.#engine.dialect.build.deleteFrom('meta').where('name', '=', partnerName).compile();
    return (await this.#engine.write((session) => session.change(remove))) > 0;
  }

  take(handovers: readonly Handover[]): Promise<void> {
    return this.#engine.write(async (session) => {
      // One deliverer at a time, before its transaction has a number: events are numbered by that, and have to keep their order.
      const lock = this.#engine.dialect.lockByName?.('handover');
      if (lock) await session.rows(lock);
      for (const handover of handovers) await this.#takeOne(session, handover);
    });
  }

  forget(uploads: readonly Upload[]): Promise<void> {
    return this.#engine.write(async (session) => {
      for (let start = 0; start < uploads.length; start += listMax) {
        const some = uploads.slice(start, start + listMax);
        for (const upload of some) await session.change(this.#recordings.keep(uploadToRow(upload)));
        await session.change(this.#uploads.deleteEventsOf(some.map((upload) => upload.id)));
      }
    });
  }

  async findRecording(id: string, principal: string): Promise<KeptRecording | null> {
    const row = first(await this.#engine.read(this.#kept.select({ principal }).where('id', '=', id).compile()));
    return row && toKept(row);
  }

  async listRecordings(query: RecordingQuery): Promise<{ items: KeptRecording[]; total: number }> {
    const page = this.#kept
      .select(query)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(query.limit)
      .offset(query.skip);
    const rows = await this.#engine.read(page.compile());
    const counted = first(await this.#engine.read(this.#recordings.count(query)));
    return { items: rows.map(toKept), total: counted?.total ?? 0 };
  }

  async #takeOne(session: Session, handover: Handover): Promise<void> {
    const { uploadId: id, principal, firstSeq, events, recording, publications } = handover;
    const subject = { kind: 'upload', id, principal, lastEvent: firstSeq - 1 } as const;
    await this.#events.append(session, subject, events, 'again is fine');
    if (recording !== null) await session.change(this.#kept.insert(recording, { id, principal }));
    for (const publication of publications) {
      const { asset, source } = publication;
      await insertAsset(this.#engine.dialect, session, publication);
      for (const plan of publication.runs)
        await this.#runs.start(session, { assetId: asset.id, plan, principal: source.principal, now: source.addedAt });
    }
  }
}

function toKept(row: { readonly id: string; readonly upload: string | null }): KeptRecording {
  return { id: row.id, upload: row.upload === null ? null : rowToUpload(JSON.parse(row.upload) as UploadRow) };
}
