/** The statements of watched folders. Conditions that a partial index answers are literals, or no planner would see it. */
import { sql } from 'kysely';
import type { FolderRecord, OutsideAsset, ProcessedContent } from '../../core/ports/watch-store.ts';
import type { Sha256 } from '../../core/upload.ts';
import type { FileFacts, WatchedFile, WatchedKey, WatchedState } from '../../core/watch.ts';
import { type Dialect, prepare } from './engine.ts';
import { factsToRow, fileToRow, outsideToRow, type WatchFileRow } from './watch-rows.ts';

/** The key first. */
const fileColumns = [
  'folder_id',
  'dir',
  'name',
  'device',
  'inode',
  'size',
  'mtime_ns',
  'ctime_ns',
  'state',
  'reason',
  'quiet_since',
  'boot',
  'attempts',
  'not_before',
  'seen_at',
  'sha256',
  'taken_at',
  'outcome',
  'ended_at',
  'moved_to',
  'missing',
] as const satisfies readonly (keyof WatchFileRow)[];

export function watchQueries({ build: db, rowLocks }: Dialect) {
  const at = (key: WatchedKey) =>
    db
      .selectFrom('watch_files')
      .where('folder_id', '=', key.folderId)
      .where('dir', '=', key.dir)
      .where('name', '=', key.name);
  const updateAt = (key: WatchedKey, change: Partial<WatchFileRow>) =>
    db
      .updateTable('watch_files')
      .set(change)
      .where('folder_id', '=', key.folderId)
      .where('dir', '=', key.dir)
      .where('name', '=', key.name);
  /** Ten thousand of these in a first scan: compiled once. */
  const save = prepare<WatchFileRow, unknown>((arg) => {
    const row = Object.fromEntries(fileColumns.map((name) => [name, arg(name)])) as unknown as WatchFileRow;
    return db
      .insertInto('watch_files')
      .values(row)
      .onConflict((on) =>
        on
          .columns(['folder_id', 'dir', 'name'])
          .doUpdateSet((eb) =>
            Object.fromEntries(fileColumns.slice(3).map((name) => [name, eb.ref(`excluded.${name}`)])),
          ),
      );
  });
  return {
    folder: (id: string) => db.selectFrom('watch_folders').selectAll().where('id', '=', id).compile(),
    saveFolder: ({ scannedAt, ...record }: FolderRecord) => {
      const row = { ...record, scanned_at: scannedAt };
      return db
        .insertInto('watch_folders')
        .values(row)
        .onConflict((on) => on.column('id').doUpdateSet(row))
        .compile();
    },

    find: (folderId: string, dir: string, names: readonly string[]) =>
      db
        .selectFrom('watch_files')
        .selectAll()
        .where('folder_id', '=', folderId)
        .where('dir', '=', dir)
        .where('name', 'in', [...names])
        .compile(),
    namesIn: (page: { folderId: string; dir: string; after: string; limit: number }) =>
      db
        .selectFrom('watch_files')
        .select('name')
        .where('folder_id', '=', page.folderId)
        .where('dir', '=', page.dir)
        .where('name', '>', page.after)
        .where('missing', '=', 0)
        .orderBy('name')
        .limit(page.limit)
        .compile(),
    dirs: (folderId: string) =>
      db
        .selectFrom('watch_files')
        .select('dir')
        .distinct()
        .where('folder_id', '=', folderId)
        .where('missing', '=', 0)
        .compile(),
    save: (file: WatchedFile) => save(fileToRow(file)),
    refresh: (file: WatchedFile) =>
      updateAt(file, { ...factsToRow(file.facts), missing: 0 })
        .where((eb) => (file.sha256 === null ? eb('sha256', 'is', null) : eb('sha256', '=', file.sha256)))
        .where('moved_to', 'is', null)
        .compile(),
    reconsider: (folderId: string) =>
      db
        .updateTable('watch_files')
        .set({ state: 'waiting', reason: null, attempts: 0, not_before: 0 })
        .where('folder_id', '=', folderId)
        .where('state', '=', 'ignored')
        .compile(),
    /** What nobody needs any more once the file is gone: the rest waits for its outcome. */
    drop: (key: WatchedKey) =>
      db
        .deleteFrom('watch_files')
        .where('folder_id', '=', key.folderId)
        .where('dir', '=', key.dir)
        .where('name', '=', key.name)
        .where('state', 'in', ['waiting', 'ignored', 'done'])
        .where('moved_to', 'is', null)
        .compile(),
    dropMissing: (key: WatchedKey) =>
      db
        .deleteFrom('watch_files')
        .where('folder_id', '=', key.folderId)
        .where('dir', '=', key.dir)
        .where('name', '=', key.name)
        .where('missing', '=', 1)
        .where('moved_to', 'is', null)
        .compile(),
    miss: (key: WatchedKey) => updateAt(key, { missing: 1 }).compile(),

    digestOf: (facts: FileFacts) =>
      db
        .selectFrom('watch_digests')
        .select('sha256')
        .where('device', '=', facts.device)
        .where('inode', '=', facts.inode)
        .where('size', '=', facts.size)
        .where('mtime_ns', '=', facts.mtimeNs)
        .compile(),
    saveDigest: (facts: FileFacts, sha256: Sha256) => {
      const { device, inode, size, mtime_ns } = factsToRow(facts);
      return db
        .insertInto('watch_digests')
        .values({ device, inode, size, mtime_ns, sha256 })
        .onConflict((on) => on.columns(['device', 'inode']).doUpdateSet({ size, mtime_ns, sha256 }))
        .compile();
    },

    lock: (key: WatchedKey) =>
      at(key)
        .selectAll()
        .$if(rowLocks, (query) => query.forUpdate())
        .compile(),
    change: (key: WatchedKey, change: Partial<WatchFileRow>) => updateAt(key, change).compile(),
    changeUnmoved: (key: WatchedKey, change: Partial<WatchFileRow>) =>
      updateAt(key, change).where('state', 'in', ['ended', 'moving']).compile(),
    saveOutside: (outside: OutsideAsset) => {
      const row = outsideToRow(outside);
      return db
        .insertInto('outside_assets')
        .values(row)
        .onConflict((on) => on.column('asset_id').doUpdateSet(row))
        .compile();
    },

    finished: (folderId: string, limit: number) =>
      db
        .selectFrom('watch_files')
        .selectAll()
        .where('folder_id', '=', folderId)
        .where(sql<boolean>`state = 'taken'`)
        .where(
          sql<boolean>`not exists (select 1 from runs where runs.asset_id = watch_files.sha256 and runs.finished_at is null)`,
        )
        .orderBy('taken_at')
        .limit(limit)
        .compile(),
    unmoved: (folderId: string, limit: number) =>
      db
        .selectFrom('watch_files')
        .selectAll()
        .where('folder_id', '=', folderId)
        .where(sql<boolean>`state in ('ended', 'moving')`)
        .orderBy('ended_at')
        .limit(limit)
        .compile(),

    counts: (folderId: string) =>
      db
        .selectFrom('watch_files')
        .select(['state', 'outcome', 'missing', (eb) => eb.fn.countAll<number>().as('count')])
        .where('folder_id', '=', folderId)
        .groupBy(['state', 'outcome', 'missing'])
        .compile(),
    list: (folderId: string, states: readonly WatchedState[], limit: number) =>
      db
        .selectFrom('watch_files')
        .selectAll()
        .where('folder_id', '=', folderId)
        .where('state', 'in', [...states])
        .where((eb) => eb.or([eb('missing', '=', 0), eb('moved_to', 'is not', null)]))
        .orderBy('seen_at', 'desc')
        .limit(limit)
        .compile(),

    outsideAssets: () => db.selectFrom('outside_assets').selectAll().compile(),
    artifact: (sha256: Sha256) =>
      db.selectFrom('artifacts').select('name').where('sha256', '=', sha256).limit(1).compile(),

    resultOfPlace: (placeId: string, sha256: Sha256) =>
      db
        .selectFrom('artifacts')
        .innerJoin('steps', 'steps.key', 'artifacts.step_key')
        .innerJoin('asset_sources', 'asset_sources.asset_id', 'steps.asset_id')
        .select('artifacts.name')
        .where('artifacts.sha256', '=', sha256)
        .where('asset_sources.upload_id', '=', placeId)
        .limit(1)
        .compile(),
    namesWithResult: (dir: string, sha256: Sha256) =>
      db
        .selectFrom('artifacts')
        .innerJoin('steps', 'steps.key', 'artifacts.step_key')
        .innerJoin('watch_files', 'watch_files.sha256', 'steps.asset_id')
        .select('watch_files.name')
        .distinct()
        .where('artifacts.sha256', '=', sha256)
        .where('watch_files.dir', '=', dir)
        .compile(),

    processed: (sha256: Sha256) =>
      db.selectFrom('processed_contents').selectAll().where('sha256', '=', sha256).compile(),
    listProcessed: (after: Sha256, limit: number) =>
      db
        .selectFrom('processed_contents')
        .selectAll()
        .where('sha256', '>', after)
        .orderBy('sha256')
        .limit(limit)
        .compile(),
    insertProcessed: (content: ProcessedContent, imported: boolean) =>
      db
        .insertInto('processed_contents')
        .values({ ...content, imported: imported ? 1 : 0, logged: imported ? 1 : 0 })
        .onConflict((on) => on.doNothing())
        .compile(),
    forget: (sha256: Sha256) => db.deleteFrom('processed_contents').where('sha256', '=', sha256).compile(),
    waitAgain: (sha256: Sha256) =>
      db
        .updateTable('watch_files')
        .set({
          state: 'waiting',
          sha256: null,
          taken_at: null,
          outcome: null,
          ended_at: null,
          reason: null,
          attempts: 0,
          not_before: 0,
        })
        .where('sha256', '=', sha256)
        .where(({ eb, or, not, exists, selectFrom }) =>
          or([eb('outcome', '=', 'known'), not(exists(selectFrom('assets').select('id').where('id', '=', sha256)))]),
        )
        .where('moved_to', 'is', null)
        .compile(),
    unlogged: (limit: number) =>
      db
        .selectFrom('processed_contents')
        .selectAll()
        .where(sql<boolean>`logged = 0`)
        .orderBy('at')
        .limit(limit)
        .compile(),
    logged: (digests: readonly Sha256[]) =>
      db
        .updateTable('processed_contents')
        .set({ logged: 1 })
        .where('sha256', 'in', [...digests])
        .compile(),
  };
}
