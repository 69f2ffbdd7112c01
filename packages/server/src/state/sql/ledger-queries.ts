/** The reading statements of the ledger. Conditions that a partial index answers are literals, or no planner would see it. */
import { sql } from 'kysely';
import type { RunState, StepState } from '../../core/ledger.ts';
import type { DuePage } from '../../core/ports/ledger-store.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import { decodeCursor } from './cursor.ts';
import { type Dialect, prepare } from './engine.ts';
import type { StepRow } from './schema.ts';

export interface RunQuery {
  readonly principal?: string;
  /** Only runs created then or later. */
  readonly since?: Millis;
  readonly state?: RunState;
  readonly pipeline?: string;
  readonly limit: number;
  readonly cursor?: string;
}

const isPending = sql<boolean>`state = 'pending'`;
const isRunning = sql<boolean>`state = 'running'`;
const notPaused = sql<boolean>`not exists (select 1 from paused_classes where paused_classes.name = steps.class)`;

/** The expression that the index for counting is on. */
const counted = sql<StepState>`state || ''`;

/** A running step, as far as taking it back needs it. */
export interface RunningStep {
  readonly key: string;
  readonly fence: number;
}

/** A source by which the principal has the asset. */
export function ownedBy(db: Dialect['build'], principal: string, assetId: 'runs.asset_id' | 'steps.asset_id') {
  return db
    .selectFrom('asset_sources')
    .select('asset_id')
    .where('asset_sources.asset_id', '=', sql.ref<string>(assetId))
    .where('asset_sources.principal', '=', principal);
}

export function ledgerQueries(dialect: Dialect) {
  const db = dialect.build;
  const due = (of: { class: string; now: Millis }) =>
    db
      .selectFrom('steps')
      .where('class', '=', of.class)
      .where(isPending)
      .where(notPaused)
      .where('not_before', '<=', of.now)
      .orderBy('priority', 'desc')
      .orderBy('created_at')
      .orderBy('key')
      .limit(1);
  const taking = (by: { now: Millis; holder: string; until: Millis }) =>
    db.updateTable('steps').set((eb) => ({
      state: 'running',
      attempt: eb('attempt', '+', 1),
      fence: eb('fence', '+', 1),
      lease_holder: by.holder,
      lease_until: by.until,
      progress: 0,
      reason: null,
      error_class: null,
      started_at: by.now,
      finished_at: null,
    }));
  return {
    /** The step that is next in a class, without any lock. */
    candidate: prepare<{ class: string; now: Millis }, Pick<StepRow, 'priority' | 'created_at' | 'key'>>((arg) =>
      due({ class: arg('class'), now: arg('now') }).select(['priority', 'created_at', 'key']),
    ),

    /** Takes the step that is next in a class and that nobody else is taking. */
    take: prepare<{ class: string; now: Millis; holder: string; until: Millis }, StepRow>((arg) => {
      const next = due({ class: arg('class'), now: arg('now') })
        .select('key')
        .$if(dialect.rowLocks, (query) => query.forUpdate().skipLocked());
      return taking({ now: arg('now'), holder: arg('holder'), until: arg('until') })
        .where('key', '=', next)
        .returningAll();
    }),

    /** Takes the step with the key if it is due. */
    takeKey: prepare<{ key: string; now: Millis; holder: string; until: Millis }, StepRow>((arg) =>
      taking({ now: arg('now'), holder: arg('holder'), until: arg('until') })
        .where('key', '=', arg('key'))
        .where(isPending)
        .where(notPaused)
        .where('not_before', '<=', arg('now'))
        .returningAll(),
    ),

    /** Pending steps that could start, in the order in which they could. */
    dueSteps: (page: DuePage) =>
      db
        .selectFrom('steps')
        .select(['key', 'class', 'priority', 'not_before as notBefore'])
        .where(isPending)
        .where(notPaused)
        .where('class', 'in', [...page.classes])
        .where('not_before', '<=', page.now)
        .$if(page.after !== null, (query) =>
          query.where(({ eb, refTuple, tuple }) =>
            eb(refTuple('not_before', 'key'), '>', tuple(page.after?.notBefore ?? 0, page.after?.key ?? '')),
          ),
        )
        .orderBy('not_before')
        .orderBy('key')
        .limit(page.limit)
        .compile(),

    heartbeat: prepare<
      { key: string; fence: number; until: Millis; progress: number },
      Pick<StepRow, 'cancel_asked_at'>
    >((arg) =>
      db
        .updateTable('steps')
        .set({ lease_until: arg('until'), progress: arg('progress') })
        .where('key', '=', arg('key'))
        .where('fence', '=', arg('fence'))
        .where(isRunning)
        .returning('cancel_asked_at'),
    ),

    cancelAsked: (holder: string) =>
      db
        .selectFrom('steps')
        .select(['key', 'fence'])
        .where('lease_holder', '=', holder)
        .where(sql<boolean>`cancel_asked_at is not null`)
        .compile(),

    // Only running steps have a lease: the table checks it.
    heldBy: (holder: string, limit: number) =>
      db.selectFrom('steps').select(['key', 'fence']).where('lease_holder', '=', holder).limit(limit).compile(),
    expired: (now: Millis, limit: number) =>
      db
        .selectFrom('steps')
        .select(['key', 'fence'])
        .where('lease_until', '<=', now)
        .orderBy('lease_until')
        .limit(limit)
        .compile(),

    nextDue: () =>
      db
        .selectFrom('steps')
        .select('not_before')
        .where(isPending)
        .where(notPaused)
        .orderBy('not_before')
        .limit(1)
        .compile(),

    countByState: () =>
      db
        .selectFrom('steps')
        .select([counted.as('state'), (eb) => eb.fn.countAll<number>().as('count')])
        .groupBy(counted)
        .compile(),

    step: (key: string) => db.selectFrom('steps').selectAll().where('key', '=', key).compile(),

    asset: (id: Sha256) => db.selectFrom('assets').selectAll().where('id', '=', id).compile(),

    newestSource: (assetId: Sha256) =>
      db
        .selectFrom('asset_sources')
        .select(['safe_name', 'principal'])
        .where('asset_id', '=', assetId)
        .orderBy('added_at', 'desc')
        .orderBy('upload_id', 'desc')
        .limit(1)
        .compile(),

    inputsOf: (key: string) =>
      db
        .selectFrom('step_needs')
        .innerJoin('steps', 'steps.key', 'step_needs.need_key')
        .selectAll('steps')
        .select('step_needs.optional')
        .where('step_needs.step_key', '=', key)
        .compile(),

    artifactsOfSteps: (keys: readonly string[]) =>
      db
        .selectFrom('artifacts')
        .selectAll()
        .where('step_key', 'in', [...keys])
        .orderBy('step_key')
        .orderBy('name')
        .compile(),

    artifactsOfAsset: (assetId: Sha256) =>
      db
        .selectFrom('artifacts')
        .innerJoin('steps', 'steps.key', 'artifacts.step_key')
        .selectAll('artifacts')
        .where('steps.asset_id', '=', assetId)
        .orderBy('artifacts.step_key')
        .orderBy('artifacts.name')
        .compile(),

    allArtifacts: (after: { readonly stepKey: string; readonly name: string } | null, limit: number) =>
      db
        .selectFrom('artifacts')
        .selectAll()
        .$if(after !== null, (query) =>
          query.where(({ eb, refTuple, tuple }) =>
            eb(refTuple('step_key', 'name'), '>', tuple(after?.stepKey ?? '', after?.name ?? '')),
          ),
        )
        .orderBy('step_key')
        .orderBy('name')
        .limit(limit)
        .compile(),

    run: (id: string) => db.selectFrom('runs').selectAll().where('id', '=', id).compile(),

    runsOf: (assetId: Sha256) =>
      db
        .selectFrom('runs')
        .selectAll()
        .where('asset_id', '=', assetId)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .compile(),

    /** Display names of assets: the newest, or the newest of the principal's. */
    namesOf: (assetIds: readonly Sha256[], principal: string | undefined) =>
      db
        .selectFrom((eb) =>
          eb
            .selectFrom('asset_sources')
            .select(['asset_id', 'safe_name'])
            .select(
              sql<number>`row_number() over (partition by asset_id order by added_at desc, upload_id desc)`.as('nth'),
            )
            .where('asset_id', 'in', [...assetIds])
            .$if(principal !== undefined, (query) => query.where('principal', '=', principal ?? ''))
            .as('numbered'),
        )
        .select(['asset_id', 'safe_name'])
        .where('nth', '=', 1)
        .compile(),

    /** Runs on assets that the principal owns, or all, newest first. */
    listRuns: (query: RunQuery) => {
      const { principal } = query;
      let select = db.selectFrom('runs').selectAll();
      if (principal !== undefined) select = select.where((eb) => eb.exists(ownedBy(db, principal, 'runs.asset_id')));
      if (query.pipeline !== undefined) select = select.where('pipeline', '=', query.pipeline);
      if (query.since !== undefined) select = select.where('created_at', '>=', query.since);
      if (query.state !== undefined) select = select.where('state', '=', query.state);
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

    stepsOfRuns: (runIds: readonly string[]) =>
      db
        .selectFrom('run_steps')
        .innerJoin('steps', 'steps.key', 'run_steps.step_key')
        .selectAll('steps')
        .select('run_steps.run_id')
        .where('run_steps.run_id', 'in', [...runIds])
        .orderBy('run_steps.run_id')
        .orderBy('run_steps.position')
        .compile(),
  };
}

export type LedgerQueries = ReturnType<typeof ledgerQueries>;
