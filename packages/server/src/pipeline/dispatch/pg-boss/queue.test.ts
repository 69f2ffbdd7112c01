/** What is particular to messages in PostgreSQL: that they are committed with what they tell of, and never cost it. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DueStep, DueSteps } from '../../../core/ports/due-steps.ts';
import { systemClock } from '../../../platform/system-clock.ts';
import { openPostgresState, type State } from '../../../state/sql/open.ts';
import { publish } from '../../../testing/ledger-store-subject.ts';
import { samplePlan, sampleStep, unique } from '../../../testing/sample-upload.ts';
import { SharedPostgres } from '../../../testing/test-state.ts';
import { PgBossQueue } from './queue.ts';

const postgres = new SharedPostgres();
const warnings: string[] = [];
const log = { info: () => {}, warn: (_: object, text: string) => void warnings.push(text), error: () => {} };
const open = (url: string) => PgBossQueue.open({ url, classes: ['light'], works: false, clock: systemClock, log });

let url = '';
let queue: PgBossQueue;
let state: State;
let client: pg.Client;
/** Stands between the state and the queue, so that a test can fail the one and not the other. */
let announce: DueSteps['announce'];

beforeAll(async () => {
  url = await postgres.createDatabase();
  // Nodes that start at the same moment make the tables once.
  const queues = await Promise.all([open(url), open(url), open(url)]);
  queue = queues[0];
  await Promise.all(queues.slice(1).map((one) => one.close()));
  announce = (steps, run) => queue.announce(steps, run);
  const dueSteps: DueSteps = { announce: (steps, run) => announce(steps, run) };
  state = await openPostgresState({ url, clock: systemClock, holder: unique('process'), dueSteps, patienceMs: 100 });
  client = new pg.Client({ connectionString: url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await state.close();
  await queue.close();
  await postgres.stop();
});

interface JobRow {
  readonly name: string;
  readonly state: string;
  readonly priority: number;
  /** Seconds until it can be fetched. */
  readonly wait: number;
}

async function jobsOf(key: string): Promise<JobRow[]> {
  const { rows } = await client.query<JobRow>(
    `select name, state, priority, extract(epoch from start_after - now())::float as wait
      from holdfast_pgboss.job where singleton_key = $1 order by created_on`,
    [key],
  );
  return rows;
}

async function startRun(step = sampleStep('work', { class: 'light', priority: 3 })) {
  const { assetId } = await publish(state.uploads);
  await state.ledger.startRun(assetId, samplePlan([step], { pipeline: unique('pipeline') }), Date.now());
  return step;
}

describe('a message', () => {
  it('is there when its step is due, with its class and priority, and waits as long as the step does', async () => {
    const { key } = await startRun();
    expect(await jobsOf(key)).toMatchObject([{ name: 'steps/light', state: 'created', priority: 3 }]);
    const claim = await state.ledger.claimKey(key, { holder: 'n', now: Date.now(), leaseMs: 60_000 });
    if (claim.kind !== 'claimed') throw new Error(`It is ${claim.kind}.`);
    const now = Date.now();
    await state.ledger.fail(key, claim.claim.step.fence, { reason: 'busy', retryAt: now + 600_000, now });
    // The first message was not delivered yet: it is moved, and no second one is written.
    const [moved, ...more] = await jobsOf(key);
    expect(more).toEqual([]);
    expect(moved?.wait).toBeGreaterThan(590);
    // Somebody makes it due at once: cancelled and tried again.
    await state.control.cancelStep(key, { by: 'ann', now });
    await state.control.retryStep(key, { by: 'ann', now });
    expect((await jobsOf(key)).map((job) => job.wait <= 0.1)).toEqual([true]);
  });

  it('is taken back with a transaction that fails', async () => {
    const step = sampleStep('work', { class: 'light' });
    const seen: DueStep[] = [];
    announce = async (steps, run) => {
      await queue.announce(steps, run);
      seen.push(...steps);
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' });
    };
    await expect(startRun(step)).rejects.toThrow();
    announce = (steps, run) => queue.announce(steps, run);
    expect(seen.map((due) => due.key)).toContain(step.key);
    expect(await jobsOf(step.key)).toEqual([]);
    expect(await state.ledger.claimKey(step.key, { holder: 'n', now: Date.now(), leaseMs: 1 })).toEqual({
      kind: 'gone',
    });
  });

  it('that cannot be written does not cost the state change, and the sweep writes it', async () => {
    await client.query('alter table holdfast_pgboss.queue rename to hidden');
    const step = await startRun();
    await client.query('alter table holdfast_pgboss.hidden rename to queue');
    expect(warnings).toContain('a message was not written; the sweep will make up for it');
    expect(await jobsOf(step.key)).toEqual([]);
    const due = await state.ledger.dueSteps({ classes: ['light'], now: Date.now(), after: null, limit: 100 });
    await queue.enqueue(due);
    await queue.enqueue(due);
    expect(await jobsOf(step.key)).toMatchObject([{ state: 'created', priority: 3 }]);
  });

  it('of a class that this node does not know makes the queue of it', async () => {
    const own = unique('class').slice(0, 40);
    const { key } = await startRun(sampleStep('work', { class: own }));
    expect(await jobsOf(key)).toMatchObject([{ name: `steps/${own}`, state: 'created' }]);
  });

  it('can be written for as long as the state is open, also when the queue is closed', async () => {
    const other = await open(url);
    await other.close();
    announce = (steps, run) => other.announce(steps, run);
    const { key } = await startRun();
    announce = (steps, run) => queue.announce(steps, run);
    expect(await jobsOf(key)).toHaveLength(1);
  });
});

it('says what is wrong when the database cannot be reached', async () => {
  const away = new URL(url);
  away.port = '1';
  await expect(open(away.href)).rejects.toMatchObject({ code: 'unavailable' });
});
