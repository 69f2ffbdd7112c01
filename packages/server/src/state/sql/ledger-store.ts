/** The pipeline's ledger in SQLite or PostgreSQL. */

import type { CompiledQuery } from 'kysely';
import { safeText } from '../../core/attempt-record.ts';
import { invariant } from '../../core/errors.ts';
import type { Artifact, RunPlan, RunWithSteps, StepState } from '../../core/ledger.ts';
import type { DueStep } from '../../core/ports/due-steps.ts';
import type {
  Claim,
  ClaimRequest,
  DuePage,
  KeyClaim,
  KeyClaimRequest,
  LedgerStore,
  Outcome,
  Report,
  Skip,
  StepFailure,
} from '../../core/ports/ledger-store.ts';
import type { Page } from '../../core/ports/upload-store.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import { rowToAsset } from './assets.ts';
import { AttemptLog } from './attempt-log.ts';
import { ClassRoom } from './class-room.ts';
import { toPage } from './cursor.ts';
import { type Engine, first, type Session } from './engine.ts';
import { EventLog } from './events.ts';
import { type LedgerQueries, ledgerQueries, type RunningStep, type RunQuery } from './ledger-queries.ts';
import { rowToArtifact, rowToRun, rowToStep } from './ledger-rows.ts';
import { Reopening } from './reopening.ts';
import { RunLog } from './run-log.ts';
import { RunStarter } from './run-starter.ts';
import type { RunRow, StepRow } from './schema.ts';
import { type Ending, StepEndings } from './step-endings.ts';

const unknownFailure = { errorClass: 'transient', exitCode: null, stderr: null } as const;

/** Steps taken back between two looks at which are left. */
const reclaimBatch = 100;

export class SqlLedgerStore implements LedgerStore {
  readonly #engine: Engine;
  readonly #queries: LedgerQueries;
  readonly #log: RunLog;
  readonly #starter: RunStarter;
  readonly #endings: StepEndings;
  readonly #reopening: Reopening;
  readonly #attempts: AttemptLog;
  readonly #room: ClassRoom;

  constructor(engine: Engine) {
    const events = new EventLog(engine.dialect);
    this.#engine = engine;
    this.#queries = ledgerQueries(engine.dialect);
    this.#log = new RunLog(engine.dialect, events);
    this.#starter = new RunStarter(engine.dialect, events);
    this.#attempts = new AttemptLog(engine.dialect);
    this.#room = new ClassRoom(engine.dialect);
    this.#endings = new StepEndings(engine, { queries: this.#queries, log: this.#log, attempts: this.#attempts });
    this.#reopening = new Reopening(engine, { queries: this.#queries, log: this.#log });
  }

  startRun(assetId: Sha256, plan: RunPlan, now: Millis): Promise<string> {
    return this.#engine.write(async (session) => {
      const source = first(await session.rows(this.#queries.newestSource(assetId)));
      return this.#starter.start(session, { assetId, plan, now, principal: source?.principal ?? '' });
    });
  }

  async claim(request: ClaimRequest): Promise<Claim | null> {
    // Without a write first, because this is asked again and again while nothing is due.
    const classes = await this.#dueClasses(request);
    if (classes.length === 0) return null;
    for (const name of classes) {
      const claim = await this.#engine.write((session) => this.#claimOf(session, name, request));
      if (claim !== null) return claim;
    }
    return null;
  }

  claimKey(key: string, { now, holder, leaseMs, clusterLimits = {} }: KeyClaimRequest): Promise<KeyClaim> {
    return this.#engine.write(async (session): Promise<KeyClaim> => {
      const known = first(await session.rows(this.#queries.step(key)));
      if (known?.state !== 'pending') return { kind: 'gone' };
      if (!(await this.#room.hasRoom(session, known.class, clusterLimits[known.class]))) return { kind: 'full' };
      const taken = first(await session.rows(this.#queries.takeKey({ key, now, holder, until: now + leaseMs })));
      if (taken !== null) return { kind: 'claimed', claim: await this.#claimed(session, taken) };
      const step = first(await session.rows(this.#queries.step(key)));
      if (step?.state !== 'pending') return { kind: 'gone' };
      return step.not_before > now ? { kind: 'later', notBefore: step.not_before } : { kind: 'full' };
    });
  }

  async dueSteps(page: DuePage): Promise<readonly DueStep[]> {
    return page.classes.length === 0 ? [] : this.#engine.read(this.#queries.dueSteps(page));
  }

  async heartbeat(key: string, fence: number, until: Millis, progress: number): Promise<Outcome> {
    const step = first(
      await this.#engine.write((session) => session.rows(this.#queries.heartbeat({ key, fence, until, progress }))),
    );
    if (step === null) return 'lost';
    return step.cancel_asked_at === null ? 'applied' : 'cancelled';
  }

  report(key: string, fence: number, report: Report): Promise<Outcome> {
    return this.#endings.report({ key, fence }, report);
  }

  succeed(
    key: string,
    fence: number,
    result: {
      readonly output: Readonly<Record<string, unknown>>;
      readonly artifacts: readonly Artifact[];
      readonly now: Millis;
    },
  ): Promise<Outcome> {
    return this.#endings.end(
      { key, fence, now: result.now },
      { type: 'succeed', output: result.output, artifacts: result.artifacts },
    );
  }

  skip(key: string, fence: number, { now, lacks, ...skip }: Skip): Promise<Outcome> {
    const reason = safeText(skip.reason);
    return this.#endings.end({ key, fence, now }, { type: 'skip', reason, lacks });
  }

  fail(key: string, fence: number, failure: StepFailure): Promise<Outcome> {
    const { retryAt, evidence = unknownFailure } = failure;
    // It may be in the words of a program, and a text that the database refuses would leave the step running.
    const reason = safeText(failure.reason);
    return this.#endings.end({ key, fence, now: failure.now }, { type: 'fail', reason, retryAt, evidence });
  }

  release(key: string, fence: number, now: Millis): Promise<Outcome> {
    return this.#endings.end({ key, fence, now }, { type: 'release' });
  }

  reclaimHolder(holder: string, now: Millis): Promise<number> {
    return this.#reclaim(() => this.#queries.heldBy(holder, reclaimBatch), { now, leaseEndedBy: null });
  }

  reclaimExpired(now: Millis): Promise<number> {
    return this.#reclaim(() => this.#queries.expired(now, reclaimBatch), { now, leaseEndedBy: now });
  }

  cancelAsked(holder: string): Promise<readonly RunningStep[]> {
    return this.#engine.read(this.#queries.cancelAsked(holder));
  }

  retryRun(runId: string, now: Millis): Promise<boolean> {
    return this.#reopening.run(runId, now);
  }

  async findRun(id: string): Promise<RunWithSteps | null> {
    return first(await this.#withSteps(await this.#engine.read(this.#queries.run(id))));
  }

  async runsOf(assetId: Sha256): Promise<RunWithSteps[]> {
    return this.#withSteps(await this.#engine.read(this.#queries.runsOf(assetId)));
  }

  async listRuns(query: RunQuery): Promise<Page<RunWithSteps>> {
    const rows = await this.#engine.read(this.#queries.listRuns(query));
    const page = toPage(rows, query.limit, {
      item: (row) => row,
      position: (row) => ({ createdAt: row.created_at, id: row.id }),
    });
    return { items: await this.#withSteps(page.items, query.principal), cursor: page.cursor };
  }

  async artifacts(assetId: Sha256): Promise<Artifact[]> {
    return (await this.#engine.read(this.#queries.artifactsOfAsset(assetId))).map(rowToArtifact);
  }

  async allArtifacts(
    after: { readonly stepKey: string; readonly name: string } | null,
    limit: number,
  ): Promise<Artifact[]> {
    return (await this.#engine.read(this.#queries.allArtifacts(after, limit))).map(rowToArtifact);
  }

  async countByState(): Promise<Readonly<Partial<Record<StepState, number>>>> {
    const rows = await this.#engine.read(this.#queries.countByState());
    return Object.fromEntries(rows.map((row) => [row.state, row.count]));
  }

  async nextDue(): Promise<Millis | null> {
    return first(await this.#engine.read(this.#queries.nextDue()))?.not_before ?? null;
  }

  async #claimOf(session: Session, name: string, request: ClaimRequest): Promise<Claim | null> {
    const { now, holder, leaseMs, clusterLimits = {} } = request;
    if (!(await this.#room.hasRoom(session, name, clusterLimits[name]))) return null;
    const step = first(await session.rows(this.#queries.take({ class: name, now, holder, until: now + leaseMs })));
    return step === null ? null : this.#claimed(session, step);
  }

  /** The classes that have a due step, best step first. */
  async #dueClasses(request: ClaimRequest): Promise<string[]> {
    const candidates = await Promise.all(
      request.classes.map(async (name) => {
        if (await this.#isFull(name, request.clusterLimits?.[name])) return [];
        const step = first(await this.#engine.read(this.#queries.candidate({ class: name, now: request.now })));
        return step === null ? [] : [{ name, step }];
      }),
    );
    const byRank = (a: { step: RankedStep }, b: { step: RankedStep }): number =>
      b.step.priority - a.step.priority || a.step.created_at - b.step.created_at;
    return candidates
      .flat()
      .sort(byRank)
      .map((candidate) => candidate.name);
  }

  /** As far as can be seen without a lock. */
  async #isFull(name: string, limit: number | undefined): Promise<boolean> {
    if (limit === undefined) return false;
    return (first(await this.#engine.read(this.#room.query(limit)({ class: name })))?.n ?? 0) >= limit;
  }

  /** What a worker needs to know of the step that it has just taken. */
  async #claimed(session: Session, row: StepRow): Promise<Claim> {
    const asset = first(await session.rows(this.#queries.asset(row.asset_id)));
    invariant(asset !== null, 'a step has an asset');
    const source = first(await session.rows(this.#queries.newestSource(row.asset_id)));
    const awaited = await session.rows(this.#queries.inputsOf(row.key));
    const isMissing = (input: (typeof awaited)[number]) => input.optional === 1 && input.state !== 'succeeded';
    const needed = awaited.filter((input) => !isMissing(input));
    const artifacts =
      needed.length === 0 ? [] : await session.rows(this.#queries.artifactsOfSteps(needed.map((step) => step.key)));
    const inputs = needed.map((need) => [
      need.name,
      { step: rowToStep(need), artifacts: artifacts.filter((one) => one.step_key === need.key).map(rowToArtifact) },
    ]);
    const message = `Step ${row.name} started, attempt ${row.attempt} of ${row.attempts_max}`;
    const data = { step: row.name, key: row.key, attempt: row.attempt, holder: row.lease_holder };
    await this.#attempts.begin(session, row);
    await this.#log.stepEvent(session, row.key, { at: row.started_at ?? 0, type: 'step.started', message, data });
    return {
      step: rowToStep(row),
      asset: rowToAsset(asset),
      assetName: source?.safe_name ?? asset.id,
      inputs: Object.fromEntries(inputs),
      missing: Object.fromEntries(awaited.filter(isMissing).map((input) => [input.name, whyMissing(input)])),
    };
  }

  /** Takes back what the query finds, until it finds nothing that can be taken back. */
  async #reclaim(
    find: () => CompiledQuery<RunningStep>,
    how: { readonly now: Millis; readonly leaseEndedBy: Millis | null },
  ): Promise<number> {
    let total = 0;
    for (;;) {
      const steps = await this.#engine.read(find());
      // Of a node that came back, all steps end together; leases of one that is silent end one after the other, so that nobody can tell.
      const alone = how.leaseEndedBy === null && total === 0 && steps.length === 1;
      const ending: Ending = { type: 'reclaim', leaseEndedBy: how.leaseEndedBy, alone };
      let taken = 0;
      for (const step of steps) {
        if ((await this.#endings.end({ ...step, now: how.now }, ending)) === 'applied') taken += 1;
      }
      total += taken;
      if (taken === 0 || steps.length < reclaimBatch) return total;
    }
  }

  async #withSteps(runs: readonly RunRow[], principal?: string): Promise<RunWithSteps[]> {
    if (runs.length === 0) return [];
    const rows = await this.#engine.read(this.#queries.stepsOfRuns(runs.map((run) => run.id)));
    const steps = Map.groupBy(rows, (row) => row.run_id);
    const named = await this.#engine.read(
      this.#queries.namesOf([...new Set(runs.map((run) => run.asset_id))], principal),
    );
    const names = new Map(named.map((row) => [row.asset_id, row.safe_name]));
    return runs.map((run) => ({
      ...rowToRun(run, names.get(run.asset_id) ?? null),
      steps: (steps.get(run.id) ?? []).map(rowToStep),
    }));
  }
}

function whyMissing(step: StepRow): string {
  return step.reason === null ? step.state : `${step.state}: ${step.reason}`;
}

type RankedStep = Pick<StepRow, 'priority' | 'created_at'>;
