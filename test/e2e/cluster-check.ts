/** What the state of a cluster has to say when everything has ended: read from the database, not from a node. */
import pg from 'pg';

export interface Findings {
  /** Sentences about what must not be. */
  readonly wrong: readonly string[];
  readonly uploads: number;
  readonly steps: number;
  readonly attempts: number;
  readonly nodes: readonly string[];
}

/** Each rule is a query that finds what breaks it. */
const rules: Readonly<Record<string, string>> = {
  'an upload is not completed': `select id || ' ' || state as what from uploads where state <> 'completed' and received_bytes > 0`,
  'an upload was completed more than once': `select subject_id as what from events where subject = 'upload' and type = 'completed' group by subject_id having count(*) > 1`,
  'all bytes of an upload were received more than once': `select e.subject_id as what from events e where subject = 'upload' and type = 'validating'
     and not exists (select 1 from events d where d.subject_id = e.subject_id and d.type = 'bytes-dropped') group by subject_id having count(*) > 1`,
  'the log of an upload or run has a gap': `select subject_id as what from events group by subject, subject_id having count(*) <> max(seq) or min(seq) <> 1`,
  'the log of an upload is not in the order of its ids': `select a.subject_id as what from events a join events b on a.subject = b.subject and a.subject_id = b.subject_id and b.seq = a.seq + 1 where a.subject = 'upload' and b.id <= a.id`,
  'a run did not succeed': `select id || ' ' || state as what from runs where state <> 'succeeded'`,
  'a step succeeded more than once': `select step_key as what from step_attempts where state = 'succeeded' group by step_key having count(*) <> 1`,
  'a step told more than once that it succeeded': `select (data::json->>'key') || ' in ' || subject_id as what from events where type = 'step.succeeded' group by data::json->>'key', subject_id having count(*) <> 1`,
  'a result was recorded under an old fence': `select a.step_key as what from step_attempts a join step_attempts b on a.step_key = b.step_key and b.number > a.number where a.state = 'succeeded'`,
  'a step has another fence than its last attempt': `select s.key as what from steps s join (select step_key, max(number) as last from step_attempts group by step_key) a on a.step_key = s.key where a.last <> s.fence`,
  'an attempt began before the one before it ended': `select a.step_key as what from step_attempts a join step_attempts b on a.step_key = b.step_key and b.number > a.number where a.ended_at is null or a.ended_at > b.started_at + 1000`,
  'an asset has a run of the same pipeline twice': `select asset_id as what from runs group by asset_id, pipeline, pipeline_version having count(*) > 1`,
};

export async function findWrong(url: string): Promise<Findings> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const wrong: string[] = [];
    for (const [rule, query] of Object.entries(rules)) {
      const { rows } = await client.query<{ what: string }>(query);
      if (rows.length > 0) wrong.push(`${rule}: ${rows.map((row) => row.what).join(', ')}`);
    }
    const count = async (of: string) =>
      Number((await client.query<{ n: string }>(`select count(*) as n from ${of}`)).rows[0]?.n);
    const nodes = await client.query<{ node: string }>('select distinct node from step_attempts order by node');
    return {
      wrong,
      uploads: await count('uploads'),
      steps: await count('steps'),
      attempts: await count('step_attempts'),
      nodes: nodes.rows.map((row) => row.node),
    };
  } finally {
    await client.end();
  }
}

/**
 * The most steps that ever ran at the same time, by the order of the log: events are numbered by their transactions, and a claim that saw an
 * end has a later one.
 */
export async function mostAtOnce(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ most: string }>(
      `select coalesce(max(n), 0) as most from (select sum(case when type = 'step.started' then 1 else -1 end) over (order by id) as n
       from events where type in ('step.started', 'step.succeeded', 'step.skipped', 'step.failed', 'step.retrying', 'step.cancelled')) as counted`,
    );
    return Number(rows[0]?.most);
  } finally {
    await client.end();
  }
}
