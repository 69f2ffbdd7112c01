/** Deleting assets, in SQL. */
import type { DeletedContent, DeletionOutcome, DeletionStore, DeletionWish } from '../../core/ports/deletion-store.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import { type Engine, first, type Session } from './engine.ts';
import type { DeletedContentRow } from './schema.ts';
import { outdateSearch } from './search-queries.ts';

export class SqlDeletionStore implements DeletionStore {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  delete({ assetId, principal, inPlace, now }: DeletionWish): Promise<DeletionOutcome> {
    const { build: db, rowLocks } = this.#engine.dialect;
    // Whoever brings it at the same time, or records a result of it, comes before or after.
    const lock = db.selectFrom('assets').select('id').where('id', '=', assetId);
    const owners = db.selectFrom('asset_sources').select('principal').distinct().where('asset_id', '=', assetId);
    return this.#engine.write(async (session) => {
      await session.rows(lock.$if(rowLocks, (query) => query.forUpdate()).compile());
      const all = (await session.rows(owners.compile())).map((row) => row.principal);
      if (!all.includes(principal)) return 'absent';
      const last = all.length === 1;
      if (last && inPlace) return 'in-place';
      await session.change(
        db.deleteFrom('asset_sources').where('asset_id', '=', assetId).where('principal', '=', principal).compile(),
      );
      if (!last) {
        await session.change(outdateSearch(this.#engine.dialect)({ assetId }));
        return 'shared';
      }
      await this.#forgetContent(session, assetId, now);
      return 'deleted';
    });
  }

  async deleted(after: DeletedContent | null, limit: number): Promise<DeletedContent[]> {
    let select = this.#engine.dialect.build.selectFrom('deleted_contents').selectAll();
    if (after !== null)
      select = select.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('deleted_at', 'asset_id'), '>', tuple(after.deletedAt, after.assetId)),
      );
    const rows = await this.#engine.read(select.orderBy('deleted_at').orderBy('asset_id').limit(limit).compile());
    return rows.map(rowToContent);
  }

  async find(assetId: Sha256): Promise<DeletedContent | null> {
    const row = first(await this.#engine.read(this.#select(assetId)));
    return row && rowToContent(row);
  }

  async isRecorded(assetId: Sha256): Promise<boolean> {
    const { build: db } = this.#engine.dialect;
    const rows = await this.#engine.read(db.selectFrom('assets').select('id').where('id', '=', assetId).compile());
    return rows.length > 0;
  }

  async forget({ assetId, deletedAt }: DeletedContent): Promise<void> {
    const remove = this.#engine.dialect.build
      .deleteFrom('deleted_contents')
      .where('asset_id', '=', assetId)
      .where('deleted_at', '=', deletedAt);
    await this.#engine.write((session) => session.change(remove.compile()));
  }

  #select(assetId: Sha256) {
    return this.#engine.dialect.build
      .selectFrom('deleted_contents')
      .selectAll()
      .where('asset_id', '=', assetId)
      .compile();
  }

  /** Everything that is recorded of the content itself, with what that leaves in storage written down. */
  async #forgetContent(session: Session, assetId: Sha256, now: Millis): Promise<void> {
    const { build: db } = this.#engine.dialect;
    const steps = db.selectFrom('steps').select('key').where('asset_id', '=', assetId);
    const runs = db.selectFrom('runs').select('id').where('asset_id', '=', assetId);
    // It may have been deleted before, and have come back since.
    const before = first(await session.rows(this.#select(assetId)));
    const keys = new Set([
      ...(before === null ? [] : rowToContent(before).stepKeys),
      ...(await session.rows(steps.compile())).map((row) => row.key),
    ]);
    for (const statement of [
      db.deleteFrom('search_documents').where('asset_id', '=', assetId),
      db.deleteFrom('search_assets').where('asset_id', '=', assetId),
      db.deleteFrom('artifacts').where('step_key', 'in', steps),
      db.deleteFrom('step_attempts').where('step_key', 'in', steps),
      db.deleteFrom('step_needs').where((eb) => eb.or([eb('step_key', 'in', steps), eb('need_key', 'in', steps)])),
      db.deleteFrom('run_steps').where('run_id', 'in', runs),
      db.deleteFrom('events').where('subject', '=', 'run').where('subject_id', 'in', runs),
      db.deleteFrom('runs').where('asset_id', '=', assetId),
      db.deleteFrom('steps').where('asset_id', '=', assetId),
      db.deleteFrom('outside_assets').where('asset_id', '=', assetId),
      db.deleteFrom('assets').where('id', '=', assetId),
      db.deleteFrom('deleted_contents').where('asset_id', '=', assetId),
    ])
      await session.change(statement.compile());
    const row = { asset_id: assetId, deleted_at: now, step_keys: JSON.stringify([...keys].sort()) };
    await session.change(db.insertInto('deleted_contents').values(row).compile());
  }
}

function rowToContent(row: DeletedContentRow): DeletedContent {
  return { assetId: row.asset_id, deletedAt: row.deleted_at, stepKeys: JSON.parse(row.step_keys) as string[] };
}
