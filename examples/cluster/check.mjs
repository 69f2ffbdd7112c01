/** Asks the nodes and the database what became of each file. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const patienceMs = 120_000;

export async function checkAll({ sent, nodes, databaseUrl, signal }) {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    const rows = [];
    for (const [i, file] of sent.entries()) {
      signal.throwIfAborted();
      rows.push(await check(file, { url: nodes[i % nodes.length].url, database, signal }));
    }
    return rows.sort((a, b) => (a.file < b.file ? -1 : 1));
  } finally {
    await database.end();
  }
}

async function check({ name, sha256, upload }, { url, database, signal }) {
  if (upload.error !== undefined) return { file: name, state: upload.error, digest: '', processed: '' };
  const runs = await ended(`${url}/v1/assets/${sha256}/runs`, signal);
  const content = await fetch(`${url}/v1/assets/${sha256}/content`);
  const digest = await digestOf(content.body);
  // The event log tells how often each step succeeded, whoever did it.
  const { rows } = await database.query(
    `select data::json ->> 'step' as step, count(*)::int as n from events
     where type = 'step.succeeded' and data::json ->> 'key' in (select key from steps where asset_id = $1) group by 1`,
    [sha256],
  );
  const once = rows.length === 3 && rows.every(({ n }) => n === 1);
  return {
    file: name,
    state: 'completed',
    digest: digest === sha256 ? 'right' : 'WRONG',
    processed:
      runs[0]?.state === 'succeeded' && runs.length === 1 && once
        ? 'once'
        : `${runs[0]?.state} ${JSON.stringify(rows)}`,
    attempts: runs[0]?.steps.map((step) => step.attempt).join(' '),
  };
}

async function ended(url, signal) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    signal.throwIfAborted();
    const { items } = await (await fetch(url)).json();
    if ((items.length > 0 && items.every((run) => run.state !== 'running')) || Date.now() > deadline) return items;
    await sleep(200);
  }
}

async function digestOf(stream) {
  const hash = createHash('sha256');
  for await (const piece of stream) hash.update(piece);
  return hash.digest('hex');
}
