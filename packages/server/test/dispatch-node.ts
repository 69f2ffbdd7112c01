/** A node for the checks of dispatchers: real stores, a runner, and one kind of step that does what the check says. */
import path from 'node:path';
import Type from 'typebox';
import { openDiskBlobs } from '../src/blobs/disk/open.ts';
import { type CrashPoints, noCrashPoints } from '../src/core/ports/crash-points.ts';
import type { LedgerStore } from '../src/core/ports/ledger-store.ts';
import { defineStep, type StepDefinition } from '../src/pipeline/definition.ts';
import type { Dispatcher } from '../src/pipeline/dispatch/dispatcher.ts';
import { EmbeddedDispatcher } from '../src/pipeline/dispatch/embedded.ts';
import { PgBossDispatcher } from '../src/pipeline/dispatch/pg-boss/dispatcher.ts';
import { PgBossQueue } from '../src/pipeline/dispatch/pg-boss/queue.ts';
import { Runner } from '../src/pipeline/dispatch/runner.ts';
import type { RunnerSettings } from '../src/pipeline/dispatch/settings.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { openPostgresState, openSqliteState, type State } from '../src/state/sql/open.ts';
import type { Work } from '../src/testing/dispatcher-subject.ts';
import { instead } from '../src/testing/stand-in.ts';
import { noTools } from './pipeline-bench.ts';

/** Where the ledger is, and who delivers its steps. */
export type Place =
  | { readonly kind: 'embedded on SQLite'; readonly file: string }
  | { readonly kind: 'embedded on PostgreSQL' | 'pg-boss'; readonly url: string };

export interface TestNodeOptions {
  readonly dir: string;
  readonly place: Place;
  readonly ledger: LedgerStore;
  readonly holder: string;
  readonly places: Readonly<Record<string, number>>;
  readonly clusterPlaces?: Readonly<Record<string, number>>;
  readonly leaseMs?: number;
  /** Default: short, for impatient tests. */
  readonly pollMs?: number;
  readonly crashPoints?: CrashPoints;
  readonly log?: RunnerSettings['log'];
  work(work: Work): Promise<void>;
  /** For broken dispatchers. */
  change?(dispatcher: Dispatcher): Dispatcher;
}

export interface TestNode {
  readonly active: number;
  notify(): void;
  stop(): Promise<void>;
}

/** The ledger with what tells of its due steps. */
export async function openPlace(place: Place, holder: string): Promise<State> {
  if (place.kind === 'embedded on SQLite')
    return openSqliteState({ file: place.file, clock: systemClock, sharedAs: holder });
  const options = { url: place.url, clock: systemClock, holder, connectionsMax: 5 };
  if (place.kind === 'embedded on PostgreSQL') return openPostgresState(options);
  const queue = await PgBossQueue.open({ url: place.url, classes: [], works: false, clock: systemClock, log: silent });
  const state = await openPostgresState({ ...options, dueSteps: queue });
  return instead(state, {
    close: async () => {
      await state.close();
      await queue.close();
    },
  });
}

export const silent = { info: () => {}, warn: () => {}, error: () => {} };

export async function startTestNode(options: TestNodeOptions): Promise<TestNode> {
  const { place, holder, places, ledger, log = silent } = options;
  const disk = await openDiskBlobs({
    dir: path.join(options.dir, holder),
    durability: 'committed',
    reserveBytes: 0,
    hashWorkers: 1,
  });
  const settings: RunnerSettings = {
    ledger,
    artifacts: disk.artifacts,
    assets: disk.blobs,
    steps: ['work', 'a', 'b', 'c', 'd'].map((name) => testStep(name, holder, options)),
    tools: noTools,
    clock: systemClock,
    log,
    crashPoints: options.crashPoints ?? noCrashPoints,
    random: () => 0.5,
    holder,
    limits: places,
    clusterLimits: options.clusterPlaces ?? {},
    leaseMs: options.leaseMs ?? 60_000,
    pollMs: options.pollMs ?? 200,
    stopMs: 10_000,
  };
  const queue =
    place.kind === 'pg-boss'
      ? await PgBossQueue.open({ url: place.url, classes: Object.keys(places), works: true, clock: systemClock, log })
      : null;
  const dispatcher = queue === null ? new EmbeddedDispatcher(settings) : new PgBossDispatcher({ ...settings, queue });
  const runner = new Runner(settings, options.change?.(dispatcher) ?? dispatcher);
  await runner.start();
  return {
    get active() {
      return runner.active;
    },
    notify: () => runner.notify(),
    stop: async () => {
      await runner.stop();
      await queue?.close();
      await disk.blobs.close();
    },
  };
}

function testStep(name: string, holder: string, { work }: TestNodeOptions): StepDefinition {
  return defineStep({
    name,
    version: '1',
    class: 'any',
    priority: 0,
    attemptsMax: 3,
    timeoutMs: 60_000,
    needs: [],
    params: { id: '' },
    paramsSchema: Type.Object({ id: Type.String() }),
    appliesTo: () => true,
    async run({ params, signal }) {
      await work({ id: params.id, signal });
      const provenance = { engine: 'test', engineVersion: '1', params: {}, inputSha256: '' };
      return { kind: 'done', output: { ...provenance, by: holder }, files: [] };
    },
  });
}
