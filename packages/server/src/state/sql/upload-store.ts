/** Upload state in SQLite or PostgreSQL. */

import type { CompiledQuery } from 'kysely';
import type { Asset } from '../../core/asset.ts';
import { invariant, unreachable } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type {
  AssetQuery,
  Decision,
  EventQuery,
  ExtentChoice,
  OwnedAsset,
  Page,
  Rule,
  UploadQuery,
  UploadStore,
  Write,
} from '../../core/ports/upload-store.ts';
import type { Extent, LoggedEvent, Millis, NewEvent, PhaseName, Sha256, Upload } from '../../core/upload.ts';
import { Assets, insertAsset } from './assets.ts';
import { toPage } from './cursor.ts';
import { type Engine, first, type Session } from './engine.ts';
import { EventWatch } from './event-watch.ts';
import { EventLog, rowToEvent } from './events.ts';
import { LiveLimits } from './live-limits.ts';
import { Parts } from './parts.ts';
import { keepRecordings, recordingQueries } from './recordings.ts';
import { RunStarter } from './run-starter.ts';
import type { ExtentRow, UploadRow } from './schema.ts';
import { listMax, type UploadQueries, uploadQueries } from './upload-queries.ts';
import { extentToRow, rowToExtent, rowToUpload, uploadToRow } from './upload-rows.ts';
import { consumeToken } from './upload-tokens.ts';

/** What the record of a receipt survives: a power cut, or the death of the process. All other records survive a power cut. */
export type ReceiptDurability = 'synced' | 'committed';

export class SqlUploadStore implements UploadStore {
  readonly #engine: Engine;
  readonly #receipts: ReceiptDurability;
  readonly #queries: UploadQueries;
  readonly #events: EventLog;
  readonly #watch: EventWatch;
  readonly #assets: Assets;
  readonly #parts: Parts;
  readonly #runs: RunStarter;
  readonly #limits: LiveLimits;

  constructor(engine: Engine, clock: Clock, receipts: ReceiptDurability = 'synced') {
    this.#engine = engine;
    this.#receipts = receipts;
    this.#queries = uploadQueries(engine.dialect);
    this.#limits = new LiveLimits(engine.dialect, this.#queries);
    this.#events = new EventLog(engine.dialect);
    this.#watch = new EventWatch(engine, clock);
    this.#assets = new Assets(engine);
    this.#parts = new Parts(this.#queries);
    this.#runs = new RunStarter(engine.dialect, this.#events);
  }

  create(upload: Upload, events: readonly NewEvent[], writes: readonly Write[], liveMax: number): Promise<boolean> {
    return this.#engine.write(async (session) => {
      if (!(await this.#limits.hasRoom(session, upload.principal, liveMax))) return false;
      await session.change(
        this.#queries.insert(uploadToRow({ ...upload, lastEvent: upload.lastEvent + events.length })),
      );
      await this.#append(session, upload, events);
      await this.#apply(session, upload, writes);
      return true;
    });
  }

  async find(id: string): Promise<Upload | null> {
    const row = first(await this.#engine.read(this.#queries.find({ id })));
    return row === null ? null : rowToUpload(row);
  }

  async findWithExtent(id: string, offset: number): Promise<{ upload: Upload; extent: Extent | null } | null> {
    const row = first(await this.#engine.read(this.#queries.findWithExtent({ id, offset })));
    if (row === null) return null;
    const { extent_length: length, extent_crc32: crc32, extent_received_at: receivedAt } = row;
    const extent =
      length === null || crc32 === null || receivedAt === null
        ? null
        : { offset, length, crc32, sha256: row.extent_sha256, receivedAt };
    return { upload: rowToUpload(row), extent };
  }

  decide(id: string, extentAt: ExtentChoice, rule: Rule): Promise<Decision | null> {
    return this.#engine.write(async (session) => {
      const row = first(await session.rows(this.#queries.lock({ id })));
      if (row === null) return null;
      const current = rowToUpload(row);
      const extent = await this.#extent(session, id, extentAt);
      const decision = rule(current, extent === null ? null : rowToExtent(extent));
      if (decision.kind === 'reject') return decision;
      return this.#accept(session, current, decision);
    });
  }

  async extents(id: string): Promise<Extent[]> {
    return (await this.#engine.read(this.#queries.extents({ upload_id: id }))).map(rowToExtent);
  }

  async list(query: UploadQuery): Promise<Page<Upload>> {
    if (query.phases?.length === 0) return { items: [], cursor: null };
    const rows = await this.#engine.read(this.#queries.list(query));
    return toPage(rows, query.limit, {
      item: rowToUpload,
      position: (row) => ({ createdAt: row.created_at, id: row.id }),
    });
  }

  finalsOf(partId: string): Promise<Upload[]> {
    return this.#uploads(this.#queries.finalsOf(partId));
  }

  async findFinal(principal: string, parts: readonly string[]): Promise<Upload | null> {
    return (await this.#uploads(this.#queries.findFinal(principal, parts)))[0] ?? null;
  }

  waitingFinals(afterId: string, limit: number): Promise<Upload[]> {
    return this.#uploads(this.#queries.waitingFinals(afterId, limit));
  }

  dueToExpire(now: Millis, limit: number): Promise<Upload[]> {
    return this.#uploads(this.#queries.dueToExpire(now, limit));
  }

  abandoned(now: Millis, limit: number): Promise<Upload[]> {
    return this.#uploads(this.#queries.abandoned(now, limit));
  }

  heldBy(holder: string, limit: number): Promise<Upload[]> {
    return this.#uploads(this.#queries.heldBy(holder, limit));
  }

  toRelease(limit: number): Promise<Upload[]> {
    return this.#uploads(this.#queries.toRelease(limit));
  }

  async released(id: string): Promise<void> {
    await this.#engine.write((session) => session.change(this.#queries.released({ id })));
  }

  purge(before: Millis, limit: number): Promise<number> {
    return this.#engine.write(async (session) => {
      const ids = (await session.rows(this.#queries.purgeable(before, limit))).map((row) => row.id);
      for (let start = 0; start < ids.length; start += listMax) {
        const some = ids.slice(start, start + listMax);
        await keepRecordings(this.#engine.dialect, session, some);
        await session.change(this.#queries.deleteEventsOf(some));
        await session.change(this.#queries.deleteClaimsOf(some));
        await session.change(this.#queries.deleteLocksOf(some));
        await session.change(this.#queries.deleteUploads(some));
      }
      return ids.length;
    });
  }

  live(afterId: string, limit: number): Promise<Upload[]> {
    return this.#uploads(this.#queries.live(afterId, limit));
  }

  findAsset(id: Sha256, principal: string): Promise<OwnedAsset | null> {
    return this.#assets.find(id, principal);
  }

  listAssets(query: AssetQuery): Promise<Page<OwnedAsset>> {
    return this.#assets.list(query);
  }

  allAssets(afterId: string, limit: number): Promise<Asset[]> {
    return this.#assets.all(afterId, limit);
  }

  async events(query: EventQuery): Promise<LoggedEvent[]> {
    const events = (await this.#engine.read(this.#events.query(query))).map(rowToEvent);
    return query.take === 'newest' ? events.reverse() : events;
  }

  onEvents(listener: () => void): () => void {
    return this.#watch.on(listener);
  }

  async countByPhase(): Promise<Readonly<Partial<Record<PhaseName, number>>>> {
    const rows = await this.#engine.read(this.#queries.countByPhase());
    return Object.fromEntries(rows.map((row) => [row.state, row.count]));
  }

  async ping(): Promise<void> {
    const { build, now } = this.#engine.dialect;
    const touch = build
      .insertInto('meta')
      .values({ name: 'ping', value: now })
      .onConflict((on) => on.column('name').doUpdateSet({ value: now }))
      .compile();
    await this.#engine.write((session) => session.change(touch));
  }

  /** Stops watching for other processes' events. */
  close(): void {
    this.#watch.close();
  }

  async #extent(session: Session, id: string, choice: ExtentChoice): Promise<ExtentRow | null> {
    if (choice === null) return null;
    const query =
      choice === 'last'
        ? this.#queries.lastExtent({ upload_id: id })
        : this.#queries.extentAt({ upload_id: id, offset: choice });
    return first(await session.rows(query));
  }

  async #accept(session: Session, current: Upload, decision: Extract<Decision, { kind: 'accept' }>): Promise<Decision> {
    const { events, writes } = decision;
    if (decision.next === current && events.length === 0 && writes.length === 0) return decision;
    invariant(
      decision.next.id === current.id && decision.next.principal === current.principal,
      'a rule keeps the identity of its upload',
    );
    invariant(decision.next.lastEvent === current.lastEvent, 'events are numbered by the store');
    if (this.#receipts === 'committed') session.durable = !isReceipt(current, decision);
    const next = { ...decision.next, lastEvent: current.lastEvent + events.length };
    await session.change(this.#queries.update(uploadToRow(next)));
    await this.#append(session, current, events);
    await this.#apply(session, next, writes);
    return { ...decision, next };
  }

  async #append(session: Session, upload: Upload, events: readonly NewEvent[]): Promise<void> {
    await this.#events.append(
      session,
      { kind: 'upload', id: upload.id, principal: upload.principal, lastEvent: upload.lastEvent },
      events,
    );
  }

  async #apply(session: Session, upload: Upload, writes: readonly Write[]): Promise<void> {
    const { id, principal } = upload;
    for (const write of writes) {
      switch (write.type) {
        case 'insert-extent':
          await session.change(this.#queries.insertExtent(extentToRow(id, write.extent)));
          break;
        case 'delete-extents':
          for (let start = 0; start < write.offsets.length; start += listMax) {
            await session.change(this.#queries.deleteExtents(id, write.offsets.slice(start, start + listMax)));
          }
          break;
        case 'use-parts':
          await this.#parts.use(session, { id, principal }, write.parts);
          break;
        case 'free-parts':
          await this.#parts.free(session, id, write.parts);
          break;
        case 'keep-recording':
          await session.change(recordingQueries(this.#engine.dialect).insert(upload, write.subject));
          break;
        case 'publish-asset':
          await insertAsset(this.#engine.dialect, session, write);
          for (const plan of write.runs) {
            await this.#runs.start(session, {
              assetId: write.asset.id,
              plan,
              principal: write.source.principal,
              now: write.source.addedAt,
            });
          }
          break;
        case 'consume-token':
          await consumeToken(this.#engine.dialect, session, { tokenId: write.tokenId, uploadId: id });
          break;
        case 'limit-live-bytes':
          await this.#limits.bytes(session, principal, write.bytesMax);
          break;
        default:
          unreachable(write);
      }
    }
  }

  async #uploads(query: CompiledQuery<UploadRow>): Promise<Upload[]> {
    return (await this.#engine.read(query)).map(rowToUpload);
  }
}

/** Bytes came in and the upload stays as it was: what is lost of that can be asked for again. */
function isReceipt(current: Upload, { next, writes }: Extract<Decision, { kind: 'accept' }>): boolean {
  const onlyExtents = writes.every((write) => write.type === 'insert-extent' || write.type === 'delete-extents');
  const grown = next.receivedBytes > current.receivedBytes;
  return onlyExtents && grown && current.phase.name === 'receiving' && next.phase.name === 'receiving';
}
