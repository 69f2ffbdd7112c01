/** Queries that run again and again have to find their rows through an index, however many rows there are. */
import type { CompiledQuery } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sqliteFile } from '../../testing/test-state.ts';
import { assetQueries } from './assets.ts';
import { encodeCursor } from './cursor.ts';
import { EventLog } from './events.ts';
import { ledgerQueries } from './ledger-queries.ts';
import { recordingQueries } from './recordings.ts';
import { questionQueries } from './run-question-queries.ts';
import { SqliteEngine, sqliteDialect } from './sqlite.ts';
import { uploadQueries } from './upload-queries.ts';
import { uploadTokenQueries } from './upload-tokens.ts';
import { webhookQueries } from './webhook-queries.ts';

const uploads = uploadQueries(sqliteDialect);
const tokens = uploadTokenQueries(sqliteDialect);
const ledger = ledgerQueries(sqliteDialect);
const assets = assetQueries(sqliteDialect);
const webhooks = webhookQueries(sqliteDialect);
const questions = questionQueries(sqliteDialect);
const events = new EventLog(sqliteDialect);
const recordings = recordingQueries(sqliteDialect);
const cursor = encodeCursor({ createdAt: 1, id: 'x' });
const principal = 'p';

const queries: Readonly<Record<string, CompiledQuery<unknown>>> = {
  find: uploads.find({ id: 'x' }),
  findWithExtent: uploads.findWithExtent({ id: 'x', offset: 0 }),
  lock: uploads.lock({ id: 'x' }),
  extents: uploads.extents('x'),
  'live bytes of a principal': uploads.liveBytes(principal),
  'upload token': tokens.find({ digest: 'd' }),
  'use of an upload token': tokens.consume('t', 'u'),
  'purge of upload tokens': tokens.purge(1, 10),
  'live of a principal': uploads.liveBeyond(principal, 10),
  list: uploads.list({ principal, limit: 10 }),
  'list with everything': uploads.list({ principal, limit: 10, cursor, filename: 'a', phases: ['paused'] }),
  dueToExpire: uploads.dueToExpire(1, 10),
  abandoned: uploads.abandoned(1, 10),
  heldBy: uploads.heldBy('n', 10),
  toRelease: uploads.toRelease(10),
  purge: uploads.purgeable(1, 10),
  live: uploads.live('x', 10),
  countByPhase: uploads.countByPhase(),
  'events of a subject': events.query({ subject: { kind: 'upload', id: 'x' }, after: 0, limit: 10 }),
  'events of a principal': events.query({ principal, after: 0, limit: 10 }),
  'assets of a principal': assets.list({ principal, limit: 10, cursor }),
  'assets of a kind': assets.list({ principal, limit: 10, cursor, kind: 'other', runStates: ['failed', 'cancelled'] }),
  'sources of assets': assets.sources(['a', 'b'], principal),
  'next step of a class': ledger.candidate({ class: 'c', now: 1 }),
  claim: ledger.take({ class: 'c', now: 1, holder: 'n', until: 2 }),
  'claim by key': ledger.takeKey({ key: 'k', now: 1, holder: 'n', until: 2 }),
  'due steps': ledger.dueSteps({ classes: ['c', 'd'], now: 1, after: { key: 'k', notBefore: 1 }, limit: 10 }),
  heartbeat: ledger.heartbeat({ key: 'k', fence: 1, until: 2, progress: 0 }),
  'steps of a holder': ledger.heldBy('n', 10),
  'expired steps': ledger.expired(1, 10),
  nextDue: ledger.nextDue(),
  countByState: ledger.countByState(),
  runs: ledger.listRuns({ principal, limit: 10, cursor }),
  'runs of everybody': ledger.listRuns({ limit: 10, cursor }),
  'failed runs': ledger.listRuns({ limit: 10, cursor, state: 'failed' }),
  'steps to let go of': ledger.cancelAsked('n'),
  'a step with its place': questions.step('k'),
  'running steps': questions.running(undefined, 10),
  'waiting steps': questions.waiting(undefined, 10),
  'waiting steps of a principal': questions.waiting(principal, 10),
  'what steps wait for': questions.waitsFor(['k', 'l']),
  'failed steps': questions.failed({}, { at: 1, key: 'k' }, 10),
  'failed steps of a kind': questions.failed(
    { principal, pipeline: 'p', step: 's', errorClass: 'timeout', reason: 'r', since: 1 },
    null,
    10,
  ),
  'failed steps to retry': questions.failedKeys({}, { at: 1, key: 'k' }, 10),
  'failures by reason': questions.failureGroups({ since: 1 }),
  'pending steps by class': questions.pendingByClass(),
  'running steps by class': questions.runningByClass(),
  'steps of other runs': questions.stepsOfOtherLiveRuns('a', 'r'),
  'attempts of steps': questions.attempts(['k', 'l']),
  'durations of steps': questions.durations({ since: 1 }),
  'runs that ended': questions.ended({ since: 1 }),
  'runs of an asset': ledger.runsOf('a'),
  'steps of runs': ledger.stepsOfRuns(['r', 's']),
  'inputs of a step': ledger.inputsOf('k'),
  'artifacts of an asset': ledger.artifactsOfAsset('a'),
  'events of everybody': events.query({ after: 0, limit: 10 }),
  'webhooks that are due': webhooks.due({ endpoint: 'e', now: 1, limit: 4, lock: true }),
  'when a webhook is due': webhooks.nextDue('e'),
  'webhooks of a holder': webhooks.reclaim('n', 1),
  'webhooks by state': webhooks.counts(),
  'pending webhooks': webhooks.countPending(),
  'webhooks that failed': webhooks.troubled({ limit: 10, cursor }),
  'ended webhooks': webhooks.ended(1, 10),
  'webhooks to give up': webhooks.overdue(1, 10),
  'a recording': recordings.find('x', principal),
  recordings: recordings.list({ principal, skip: 10, limit: 10 }),
  'recordings of a subject': recordings.list({ principal, subject: 's', skip: 10, limit: 10 }),
  'number of recordings': recordings.count({ principal, subject: 's', skip: 0, limit: 10 }),
  'uploads to keep': recordings.recorded(['x', 'y']),
  'all artifacts': ledger.allArtifacts({ stepKey: 'k', name: 'n' }, 10),
};

let engine: SqliteEngine | null = null;
let remove = async (): Promise<void> => {};
beforeAll(async () => {
  const made = await sqliteFile();
  remove = made.remove;
  engine = await SqliteEngine.open(made.file);
});
afterAll(async () => {
  await engine?.close();
  await remove();
});

/** A scan is fine when an index gives the order or all columns, or when it reads the few rows that a subquery left. */
function isWholeTable(detail: string): boolean {
  return /^SCAN (?!numbered|\(subquery)/.test(detail) && !/USING (COVERING )?INDEX/.test(detail);
}

it.each(Object.entries(queries))('%s uses an index', async (_, query) => {
  const plan = (await engine?.read<{ detail: string }>({ ...query, sql: `explain query plan ${query.sql}` })) ?? [];
  const details = plan.map((row) => row.detail);
  expect(details.length).toBeGreaterThan(0);
  expect(details.filter(isWholeTable)).toEqual([]);
});

it('what is asked for in an order is not sorted first', async () => {
  for (const name of [
    'list',
    'dueToExpire',
    'abandoned',
    'toRelease',
    'live',
    'next step of a class',
    'claim',
    'runs of everybody',
    'failed runs',
    'running steps',
    'waiting steps',
    'failed steps',
    'failed steps to retry',
    'events of a principal',
    'assets of a principal',
    'assets of a kind',
    'events of everybody',
    'webhooks that are due',
    'webhooks that failed',
    'ended webhooks',
    'webhooks to give up',
    'recordings',
    'recordings of a subject',
  ]) {
    const query = queries[name];
    const plan = query
      ? await engine?.read<{ detail: string; parent: number }>({ ...query, sql: `explain query plan ${query.sql}` })
      : undefined;
    // What belongs to one row (its newest source, its newest run) may be sorted: that is a handful.
    const sorts = plan?.filter((row) => row.parent === 0 && row.detail.includes('TEMP B-TREE'));
    expect({ name, sorts }).toEqual({ name, sorts: [] });
  }
});
