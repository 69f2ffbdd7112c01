/** Watched folders in SQLite or PostgreSQL. */
import type {
  FileCounts,
  FolderRecord,
  OutsideAsset,
  ProcessedContent,
  TakeOrder,
  WatchStore,
} from '../../core/ports/watch-store.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import {
  type FileFacts,
  sameFacts,
  type WatchedFile,
  type WatchedKey,
  type WatchedState,
  type WatchOutcome,
} from '../../core/watch.ts';
import { insertAsset } from './assets.ts';
import { type Engine, first, type Session } from './engine.ts';
import { EventLog } from './events.ts';
import { RunStarter } from './run-starter.ts';
import { watchQueries } from './watch-queries.ts';
import { rowToFile, rowToFolder, rowToOutside, rowToProcessed } from './watch-rows.ts';

export class SqlWatchStore implements WatchStore {
  readonly #engine: Engine;
  readonly #queries: ReturnType<typeof watchQueries>;
  readonly #runs: RunStarter;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = watchQueries(engine.dialect);
    this.#runs = new RunStarter(engine.dialect, new EventLog(engine.dialect));
  }

  async folder(id: string): Promise<FolderRecord | null> {
    const row = first(await this.#engine.read(this.#queries.folder(id)));
    return row && rowToFolder(row);
  }

  async saveFolder(record: FolderRecord): Promise<void> {
    await this.#engine.write((session) => session.change(this.#queries.saveFolder(record)));
  }

  async find(folderId: string, dir: string, names: readonly string[]): Promise<WatchedFile[]> {
    if (names.length === 0) return [];
    return (await this.#engine.read(this.#queries.find(folderId, dir, names))).map(rowToFile);
  }

  async namesIn(at: { folderId: string; dir: string; after: string; limit: number }): Promise<string[]> {
    return (await this.#engine.read(this.#queries.namesIn(at))).map((row) => row.name);
  }

  async dirs(folderId: string): Promise<string[]> {
    return (await this.#engine.read(this.#queries.dirs(folderId))).map((row) => row.dir);
  }

  async save(files: readonly WatchedFile[]): Promise<void> {
    if (files.length === 0) return;
    await this.#engine.write(async (session) => {
      for (const file of files) await session.change(this.#queries.save(file));
    });
  }

  async refresh(files: readonly WatchedFile[]): Promise<void> {
    if (files.length === 0) return;
    await this.#engine.write(async (session) => {
      for (const file of files) await session.change(this.#queries.refresh(file));
    });
  }

  async reconsider(folderId: string): Promise<void> {
    await this.#engine.write((session) => session.change(this.#queries.reconsider(folderId)));
  }

  async gone(keys: readonly WatchedKey[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#engine.write(async (session) => {
      for (const key of keys)
        if ((await session.change(this.#queries.drop(key))) === 0) await session.change(this.#queries.miss(key));
    });
  }

  async digestOf(facts: FileFacts): Promise<Sha256 | null> {
    return first(await this.#engine.read(this.#queries.digestOf(facts)))?.sha256 ?? null;
  }

  async saveDigest(facts: FileFacts, sha256: Sha256): Promise<void> {
    await this.#engine.write((session) => session.change(this.#queries.saveDigest(facts, sha256)));
  }

  take(order: TakeOrder): Promise<'taken' | 'changed'> {
    return this.#engine.write(async (session) => {
      if (!(await this.#waits(session, order.file))) return 'changed';
      const { file, asset, source, runs, outside, now } = order;
      await insertAsset(this.#engine.dialect, session, { asset, source });
      for (const plan of runs)
        await this.#runs.start(session, { assetId: asset.id, plan, principal: source.principal, now });
      if (outside !== null) await session.change(this.#queries.saveOutside(outside));
      await session.change(this.#queries.saveDigest(file.facts, asset.id));
      await session.change(
        this.#queries.change(file, { state: 'taken', sha256: asset.id, taken_at: now, reason: null, attempts: 0 }),
      );
      return 'taken';
    });
  }

  takeKnown(file: TakeOrder['file'], sha256: Sha256, now: Millis): Promise<'taken' | 'changed'> {
    return this.#engine.write(async (session) => {
      if (!(await this.#waits(session, file))) return 'changed';
      await session.change(this.#queries.saveDigest(file.facts, sha256));
      await session.change(
        this.#queries.change(file, {
          state: 'ended',
          sha256,
          taken_at: now,
          outcome: 'known',
          ended_at: now,
          reason: 'an older system processed this content',
        }),
      );
      return 'taken';
    });
  }

  async finished(folderId: string, limit: number): Promise<WatchedFile[]> {
    return (await this.#engine.read(this.#queries.finished(folderId, limit))).map(rowToFile);
  }

  async unmoved(folderId: string, limit: number): Promise<WatchedFile[]> {
    return (await this.#engine.read(this.#queries.unmoved(folderId, limit))).map(rowToFile);
  }

  end(
    key: WatchedKey,
    end: {
      readonly outcome: WatchOutcome;
      readonly reason: string | null;
      readonly state: 'ended' | 'done';
      readonly now: Millis;
    },
  ): Promise<boolean> {
    return this.#engine.write(async (session) => {
      const row = first(await session.rows(this.#queries.lock(key)));
      if (row === null || row.state !== 'taken' || row.sha256 === null) return false;
      const { outcome, reason, state, now } = end;
      await session.change(this.#queries.change(key, { state, outcome, reason, ended_at: now }));
      const content = {
        sha256: row.sha256,
        at: now,
        outcome,
        name: key.dir === '' ? key.name : `${key.dir}/${key.name}`,
      };
      await session.change(this.#queries.insertProcessed(content, false));
      return true;
    });
  }

  async moving(key: WatchedKey, movedTo: string): Promise<void> {
    await this.#engine.write((session) =>
      session.change(this.#queries.changeUnmoved(key, { state: 'moving', moved_to: movedTo })),
    );
  }

  async moved(
    key: WatchedKey,
    { movedTo, outside }: { readonly movedTo: string | null; readonly outside: OutsideAsset | null },
  ): Promise<void> {
    await this.#engine.write(async (session) => {
      const gone = movedTo === null ? {} : { missing: 1 };
      const change = { state: 'done' as const, moved_to: movedTo, ...gone };
      if ((await session.change(this.#queries.changeUnmoved(key, change))) === 0) return;
      await session.change(this.#queries.dropMissing(key));
      if (outside !== null) await session.change(this.#queries.saveOutside(outside));
    });
  }

  async counts(folderId: string): Promise<FileCounts> {
    const counts = {
      waiting: 0,
      taken: 0,
      ended: 0,
      moving: 0,
      done: 0,
      ignored: 0,
      succeeded: 0,
      failed: 0,
      known: 0,
    };
    for (const row of await this.#engine.read(this.#queries.counts(folderId))) {
      if (row.missing === 0) counts[row.state] += row.count;
      if (row.outcome !== null) counts[row.outcome] += row.count;
    }
    return counts;
  }

  async list(folderId: string, states: readonly WatchedState[], limit: number): Promise<WatchedFile[]> {
    if (states.length === 0) return [];
    return (await this.#engine.read(this.#queries.list(folderId, states, limit))).map(rowToFile);
  }

  async outsideAssets(): Promise<OutsideAsset[]> {
    return (await this.#engine.read(this.#queries.outsideAssets())).map(rowToOutside);
  }

  async isArtifact(sha256: Sha256): Promise<boolean> {
    return (await this.#engine.read(this.#queries.artifact(sha256))).length > 0;
  }

  async isResultOfPlace(placeId: string, sha256: Sha256): Promise<boolean> {
    return (await this.#engine.read(this.#queries.resultOfPlace(placeId, sha256))).length > 0;
  }

  async namesWithResult(dir: string, sha256: Sha256): Promise<string[]> {
    return (await this.#engine.read(this.#queries.namesWithResult(dir, sha256))).map((row) => row.name);
  }

  async processed(sha256: Sha256): Promise<(ProcessedContent & { readonly imported: boolean }) | null> {
    const row = first(await this.#engine.read(this.#queries.processed(sha256)));
    return row && { ...rowToProcessed(row), imported: row.imported === 1 };
  }

  async listProcessed(after: Sha256, limit: number): Promise<ProcessedContent[]> {
    return (await this.#engine.read(this.#queries.listProcessed(after, limit))).map(rowToProcessed);
  }

  importProcessed(contents: readonly ProcessedContent[]): Promise<number> {
    return this.#engine.write(async (session) => {
      let added = 0;
      for (const content of contents) added += await session.change(this.#queries.insertProcessed(content, true));
      return added;
    });
  }

  forget(sha256: Sha256): Promise<boolean> {
    return this.#engine.write(async (session) => {
      const was = (await session.change(this.#queries.forget(sha256))) > 0;
      await session.change(this.#queries.waitAgain(sha256));
      return was;
    });
  }

  async unlogged(limit: number): Promise<ProcessedContent[]> {
    return (await this.#engine.read(this.#queries.unlogged(limit))).map(rowToProcessed);
  }

  async logged(digests: readonly Sha256[]): Promise<void> {
    if (digests.length > 0) await this.#engine.write((session) => session.change(this.#queries.logged(digests)));
  }

  /** The record is as it was when the file was read. The row stays locked. */
  async #waits(session: Session, file: TakeOrder['file']): Promise<boolean> {
    const row = first(await session.rows(this.#queries.lock(file)));
    return row !== null && row.state === 'waiting' && row.missing === 0 && sameFacts(rowToFile(row).facts, file.facts);
  }
}
