/**
 * B6: with 1,000 uploads under way and 100,000 finished, list, status and clean-up on PostgreSQL find their rows through an index and read a
 * few pages, not the table.
 */
import type { CompiledQuery } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { repeatedQueries } from '../../testing/repeated-queries.ts';
import { SharedPostgres } from '../../testing/test-state.ts';
import { EventLog } from './events.ts';
import { PostgresEngine, postgresDialect } from './postgres.ts';
import { uploadQueries } from './upload-queries.ts';

const live = 1_000;
const finished = 100_000;
/** Rows of what is not about uploads: enough for the planner to have a choice. */
const others = 20_000;
const postgres = new SharedPostgres();
let engine: PostgresEngine;

/** Nine principals, one of which has a tenth; everything that ended did so at another time. */
const seed = [
  `insert into uploads (id, principal, protocol, filename, filename_folded, safe_name, content_type, size, chunk_size, metadata,
     received_bytes, received_extents, fence, last_event, created_at, updated_at, expires_at, storage, state, digest, asset_id, ended_at)
   select 'upload-' || lpad(i::text, 8, '0'), 'p' || i % 10, 'native', 'f' || i, 'f' || i, 'f' || i, 'video/mp4', 1000, 100, '{}',
     1000, 10, 1, 3, i, i, i, 'released', 'completed', md5(i::text) || md5(i::text), md5(i::text) || md5(i::text), i
   from generate_series(1, ${finished}) i`,
  `insert into uploads (id, principal, protocol, filename, filename_folded, safe_name, content_type, size, chunk_size, metadata,
     received_bytes, received_extents, fence, last_event, created_at, updated_at, expires_at, storage, state)
   select 'live-' || lpad(i::text, 8, '0'), 'p' || i % 10, 'native', 'f' || i, 'f' || i, 'f' || i, 'video/mp4', 1000, 100, '{}',
     500, 5, 1, 1, ${finished} + i, ${finished} + i, 9e12 + i, 'held', 'receiving' from generate_series(1, ${live}) i`,
  `insert into extents (upload_id, "offset", length, crc32, received_at)
   select 'live-' || lpad(i::text, 8, '0'), n * 100, 100, 1, 1 from generate_series(1, ${live}) i, generate_series(0, 4) n`,
  `insert into events (id, subject, subject_id, seq, principal, at, type, message, data)
   select i * 3 + n, 'upload', 'upload-' || lpad(i::text, 8, '0'), n, 'p' || i % 10, i, 'created', '', '{}'
   from generate_series(1, ${others}) i, generate_series(1, 3) n`,
  `insert into assets (id, size, content_type, created_at)
   select md5(i::text) || md5(i::text), 1000, 'video/mp4', i from generate_series(1, ${others}) i`,
  `insert into asset_sources (asset_id, upload_id, principal, filename, filename_folded, safe_name, metadata, added_at, asset_created_at)
   select md5(i::text) || md5(i::text), 'upload-' || lpad(i::text, 8, '0'), 'p' || i % 10, 'f', 'f', 'f', '{}', i, i
   from generate_series(1, ${others}) i`,
  `insert into runs (id, asset_id, pipeline, pipeline_version, state, principal, last_event, created_at, finished_at)
   select 'run-' || lpad(i::text, 8, '0'), md5(i::text) || md5(i::text), 'media', '1', case when i % 1000 = 0 then 'failed' else 'succeeded' end, 'p' || i % 10, 1, i, i
   from generate_series(1, ${others}) i`,
  `insert into steps (key, asset_id, name, version, params, class, priority, state, attempt, attempts_max, timeout_ms, fence, lease_holder, lease_until,
     not_before, progress, created_at, started_at, finished_at, error_class, output)
   select 'step-' || lpad(i::text, 8, '0'), md5(i::text) || md5(i::text), 'probe', '1', '{}', 'light', 0, s.state, 1, 3, 1000, 1,
     case when s.state = 'running' then 'n' end, case when s.state = 'running' then 9e12 end, i, 0, i, i,
     case when s.state in ('succeeded', 'failed') then i end, case when s.state = 'failed' then 'fatal' end, case when s.state = 'succeeded' then '{}' end
   from generate_series(1, ${others}) i,
     lateral (select case when i % 1000 = 0 then 'failed' when i % 1000 = 1 then 'running' when i % 500 = 2 then 'pending' else 'succeeded' end as state) s`,
  `insert into run_steps (run_id, position, step_key)
   select 'run-' || lpad(i::text, 8, '0'), 0, 'step-' || lpad(i::text, 8, '0') from generate_series(1, ${others}) i`,
  `insert into step_attempts (step_key, number, attempt, node, state, due_at, started_at, ended_at, log)
   select 'step-' || lpad(i::text, 8, '0'), 1, 1, 'n', 'succeeded', i, i, i, '' from generate_series(1, ${others}) i`,
  `insert into webhook_deliveries (message_id, endpoint, event_id, type, payload, state, attempts, fence, created_at, next_at, give_up_at, ended_at)
   select 'm' || i, 'e' || i % 3, i, 'upload.completed', '{}', 'delivered', 1, 1, i, i, i, i from generate_series(1, ${others}) i`,
  'analyze',
];

beforeAll(async () => {
  const url = await postgres.createDatabase();
  const settings = { clock: systemClock, connectionsMax: 2, statementTimeoutMs: 60_000 };
  engine = await PostgresEngine.open({ url, ...settings });
  for (const sql of seed) await engine.write((session) => session.change(statement(sql)));
});
afterAll(async () => {
  await engine?.close();
  await postgres.stop();
});

function statement(sql: string, parameters: readonly unknown[] = []): CompiledQuery<never> {
  return { ...Object.create(null), sql, parameters };
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** The plan; with `analyze`, of a run of it. */
async function planOf(query: CompiledQuery<unknown>, how = ''): Promise<PlanNode> {
  const rows = await engine.read<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
    statement(`explain (format json${how}) ${query.sql}`, query.parameters),
  );
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan;
  if (plan === undefined) throw new Error('There is a plan.');
  return plan;
}

function nodesOf(plan: PlanNode): readonly PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** Tables that have few rows however much is stored are read as a whole, and rightly so. */
const small = new Set([
  'meta',
  'paused_classes',
  'webhook_cursors',
  'upload_tokens',
  'recordings',
  'artifacts',
  'step_needs',
  'upload_parts',
]);

/** Questions about everything: they count. */
const counts = new Set([
  'countByPhase',
  'countByState',
  'webhooks by state',
  'pending webhooks',
  'durations of steps',
  'runs that ended',
]);

it.each(Object.entries(repeatedQueries(postgresDialect)).filter(([name]) => !counts.has(name)))(
  '%s reads no table from end to end',
  async (_, query) => {
    const scans = nodesOf(await planOf(query))
      .filter((node) => node['Node Type'] === 'Seq Scan' && !small.has(node['Relation Name'] ?? ''))
      .map((node) => node['Relation Name']);
    expect(scans).toEqual([]);
  },
);

const uploads = uploadQueries(postgresDialect);
const events = new EventLog(postgresDialect);
const page = { principal: 'p1', limit: 50 };

it.each<[string, CompiledQuery<unknown>, number]>([
  ['the first page of a list', uploads.list(page), 200],
  ['the uploads that are under way', uploads.list({ ...page, phases: ['receiving'] }), 400],
  ['the status of an upload', uploads.find({ id: 'live-00000500' }), 10],
  ['the extents of an upload', uploads.extents({ upload_id: 'live-00000500' }), 10],
  ['its events', events.query({ subject: { kind: 'upload', id: 'upload-00010000' }, after: 0, limit: 100 }), 20],
  ['what is new in the log', events.query({ after: others * 3 - 10, limit: 100 }), 30],
  ['what has expired', uploads.dueToExpire(1, 200), 20],
  ['what a dead node left', uploads.abandoned(1, 200), 20],
  ['bytes to free', uploads.toRelease(200), 20],
  ['what is old enough to be purged', uploads.purgeable(500, 200), 2_000],
  ['room for one more upload', uploads.liveBeyond(5_000)({ principal: 'p1' }), 400],
])('%s costs a few pages', async (_, query, pagesMax) => {
  const plan = await planOf(query, ', analyze, buffers');
  const pages = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  expect(pages).toBeLessThanOrEqual(pagesMax);
});
