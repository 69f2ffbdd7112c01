/** The statements behind the questions about runs. Conditions that a partial index answers are literals, or no planner would see it. */
import { type ExpressionBuilder, type SelectQueryBuilder, sql } from 'kysely';
import type { Lack } from '../../core/ledger.ts';
import type { FailedSteps } from '../../core/ports/run-control.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import type { Dialect } from './engine.ts';
import { ownedBy } from './ledger-queries.ts';
import type { Tables } from './schema.ts';
import { containing } from './upload-queries.ts';

const failureGroupsMax = 100;

/** Where a page of failed steps ended. */
export interface FailedPosition {
  readonly at: Millis;
  readonly key: string;
}

type StepsQuery<O> = SelectQueryBuilder<Tables, 'steps', O>;

/** Of those of the principal, if one asks: how others call the same content is nobody else's business. */
const newestName = (principal: string | undefined) => {
  const theirs = principal === undefined ? sql`` : sql`and asset_sources.principal = ${principal}`;
  return sql<string>`(select safe_name from asset_sources where asset_sources.asset_id = steps.asset_id ${theirs}
  order by added_at desc, upload_id desc limit 1)`.as('asset_name');
};

/** The newest run of a step, of a pipeline if one is meant. */
const placed = (eb: ExpressionBuilder<Tables, 'steps'>) =>
  eb
    .selectFrom('run_steps')
    .innerJoin('runs', 'runs.id', 'run_steps.run_id')
    .whereRef('run_steps.step_key', '=', 'steps.key')
    .orderBy('runs.created_at', 'desc')
    .limit(1);

export function questionQueries(dialect: Dialect) {
  const db = dialect.build;

  const placedSteps = (principal?: string) =>
    db
      .selectFrom('steps')
      .selectAll('steps')
      .select(newestName(principal))
      .select((eb) => [placed(eb).select('runs.id').as('run_id'), placed(eb).select('runs.pipeline').as('pipeline')]);

  const owned = <O>(query: StepsQuery<O>, principal: string | undefined): StepsQuery<O> =>
    principal === undefined ? query : query.where((eb) => eb.exists(ownedBy(db, principal, 'steps.asset_id')));

  const failed = <O>(query: StepsQuery<O>, which: FailedSteps): StepsQuery<O> => {
    let select = owned(query.where(sql<boolean>`steps.state = 'failed'`), which.principal);
    if (which.since !== undefined) select = select.where('steps.finished_at', '>=', which.since);
    if (which.step !== undefined) select = select.where('steps.name', '=', which.step);
    if (which.errorClass !== undefined) select = select.where('steps.error_class', '=', which.errorClass);
    if (which.reason !== undefined)
      // The engine folds both sides: what its `lower` leaves as it is would otherwise not be found by itself.
      select = select.where(sql<boolean>`lower(steps.reason) like lower(${containing(which.reason)}) escape '\\'`);
    const { pipeline } = which;
    if (pipeline === undefined) return select;
    return select.where((eb) =>
      eb.exists(
        eb
          .selectFrom('run_steps')
          .innerJoin('runs', 'runs.id', 'run_steps.run_id')
          .select('runs.id')
          .whereRef('run_steps.step_key', '=', 'steps.key')
          .where('runs.pipeline', '=', pipeline),
      ),
    );
  };

  const after = <O>(query: StepsQuery<O>, position: FailedPosition | null): StepsQuery<O> =>
    position === null
      ? query
      : query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('steps.finished_at', 'steps.key'), '<', tuple(position.at, position.key)),
        );

  return {
    step: (key: string) => placedSteps().where('steps.key', '=', key).compile(),

    running: (principal: string | undefined, limit: number) =>
      owned(placedSteps(principal).where(sql<boolean>`steps.state = 'running'`), principal)
        .orderBy('steps.started_at')
        .limit(limit)
        .compile(),

    waiting: (principal: string | undefined, limit: number) =>
      owned(
        placedSteps(principal)
          .select((eb) =>
            eb
              .selectFrom('paused_classes')
              .select('paused_at')
              .whereRef('paused_classes.name', '=', 'steps.class')
              .as('paused_at'),
          )
          .where(sql<boolean>`steps.state in ('pending', 'blocked')`) as never,
        principal,
      )
        .orderBy('steps.state', 'desc')
        .orderBy('steps.priority', 'desc')
        .orderBy('steps.created_at')
        .orderBy('steps.key')
        .limit(limit)
        .compile(),

    /** What the steps need that has not ended. */
    waitsFor: (keys: readonly string[]) =>
      db
        .selectFrom('step_needs')
        .innerJoin('steps', 'steps.key', 'step_needs.need_key')
        .select(['step_needs.step_key', 'steps.name', 'steps.state'])
        .where('step_needs.step_key', 'in', [...keys])
        .where('steps.state', 'in', ['blocked', 'pending', 'running'])
        .orderBy('step_needs.step_key')
        .orderBy('steps.name')
        .compile(),

    failed: (which: FailedSteps, position: FailedPosition | null, limit: number) =>
      after(failed(placedSteps(which.principal), which), position)
        .orderBy('steps.finished_at', 'desc')
        .orderBy('steps.key', 'desc')
        .limit(limit)
        .compile(),

    lackingKeys: (lack: Lack, after: string, limit: number) =>
      db
        .selectFrom('steps')
        .select(['key', 'asset_id'])
        .where('lacks', '=', lack)
        .where('key', '>', after)
        // What somebody cancelled stays so.
        .where((eb) =>
          eb.exists(
            eb
              .selectFrom('run_steps')
              .innerJoin('runs', 'runs.id', 'run_steps.run_id')
              .select('runs.id')
              .whereRef('run_steps.step_key', '=', 'steps.key')
              .where('runs.state', '<>', 'cancelled')
              .where('runs.cancel_asked_at', 'is', null),
          ),
        )
        .orderBy('key')
        .limit(limit)
        .compile(),

    failedKeys: (which: FailedSteps, position: FailedPosition | null, limit: number) =>
      after(
        failed(db.selectFrom('steps').select(['steps.key', 'steps.asset_id', 'steps.finished_at']), which),
        position,
      )
        .orderBy('steps.finished_at', 'desc')
        .orderBy('steps.key', 'desc')
        .limit(limit)
        .compile(),

    failureGroups: (which: FailedSteps) =>
      failed(
        db
          .selectFrom('steps')
          .select(['steps.name', 'steps.error_class', 'steps.reason'])
          .select((eb) => [
            eb.fn.countAll<number>().as('count'),
            eb.fn.min<number>('steps.finished_at').as('first_at'),
            eb.fn.max<number>('steps.finished_at').as('last_at'),
          ]),
        which,
      )
        .groupBy(['steps.name', 'steps.error_class', 'steps.reason'])
        .orderBy('count', 'desc')
        .orderBy('last_at', 'desc')
        .limit(failureGroupsMax)
        .compile(),

    pendingByClass: () =>
      db
        .selectFrom('steps')
        .select(['class', (eb) => eb.fn.countAll<number>().as('count')])
        .where(sql<boolean>`state = 'pending'`)
        .groupBy('class')
        .compile(),

    runningByClass: () =>
      db
        .selectFrom('steps')
        .select(['class', (eb) => eb.fn.countAll<number>().as('count')])
        .where(sql<boolean>`state = 'running'`)
        .groupBy('class')
        .compile(),

    stepsOfOtherLiveRuns: (assetId: Sha256, runId: string) =>
      db
        .selectFrom('runs')
        .innerJoin('run_steps', 'run_steps.run_id', 'runs.id')
        .select('run_steps.step_key')
        .where('runs.asset_id', '=', assetId)
        .where('runs.id', '<>', runId)
        .where('runs.state', '=', 'running')
        .where('runs.cancel_asked_at', 'is', null)
        .compile(),

    attempts: (keys: readonly string[]) =>
      db
        .selectFrom('step_attempts')
        .selectAll()
        .where('step_key', 'in', [...keys])
        .orderBy('step_key')
        .orderBy('number')
        .compile(),

    /** Nearest rank: of n sorted values the one at ⌈p × n⌉. */
    durations: (query: { readonly principal?: string; readonly since: Millis; readonly step?: string }) => {
      let select = db
        .selectFrom('step_attempts')
        .innerJoin('steps', 'steps.key', 'step_attempts.step_key')
        .where(sql<boolean>`step_attempts.state = 'succeeded'`)
        .where('step_attempts.ended_at', '>=', query.since);
      const { principal } = query;
      if (query.step !== undefined) select = select.where('steps.name', '=', query.step);
      if (principal !== undefined) select = select.where((eb) => eb.exists(ownedBy(db, principal, 'steps.asset_id')));
      const took = sql<number>`step_attempts.ended_at - step_attempts.started_at`;
      const waited = sql<number>`step_attempts.started_at - step_attempts.due_at`;
      const ranked = select.select([
        'steps.name',
        'steps.version',
        took.as('took'),
        waited.as('waited'),
        sql<number>`row_number() over (partition by steps.name, steps.version order by ${took})`.as('nth'),
        sql<number>`row_number() over (partition by steps.name, steps.version order by ${waited})`.as('nth_waited'),
        sql<number>`count(*) over (partition by steps.name, steps.version)`.as('n'),
      ]);
      return db
        .selectFrom(ranked.as('numbered'))
        .select(['name', 'version'])
        .select([
          sql<number>`count(*)`.as('count'),
          sql<number>`sum(took)`.as('total'),
          sql<number>`max(took)`.as('longest'),
          sql<number>`max(waited)`.as('longest_wait'),
          sql<number>`max(case when nth = (n + 1) / 2 then took end)`.as('median'),
          sql<number>`max(case when nth = (n * 95 + 99) / 100 then took end)`.as('p95'),
          sql<number>`max(case when nth_waited = (n + 1) / 2 then waited end)`.as('median_wait'),
        ])
        .groupBy(['name', 'version'])
        .orderBy('total', 'desc')
        .compile();
    },

    ended: (query: { readonly principal?: string; readonly since: Millis }) => {
      const { principal } = query;
      let select = db
        .selectFrom('runs')
        .innerJoin('assets', 'assets.id', 'runs.asset_id')
        .where('runs.finished_at', '>=', query.since);
      if (principal !== undefined) select = select.where((eb) => eb.exists(ownedBy(db, principal, 'runs.asset_id')));
      return select
        .select(['runs.pipeline', 'runs.state'])
        .select((eb) => [
          eb.fn.countAll<number>().as('runs'),
          eb.fn.count<number>('runs.asset_id').distinct().as('assets'),
          eb.fn.sum<number>('assets.size').as('bytes'),
        ])
        .groupBy(['runs.pipeline', 'runs.state'])
        .orderBy('runs.pipeline')
        .orderBy('runs.state')
        .compile();
    },
  };
}
