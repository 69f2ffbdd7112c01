/**
 * What the dispatchers cost and how soon they go on after a kill: `node bench/dispatch.mjs [steps]`. Starts a PostgreSQL of its own; by hand.
 *
 * - steps/s: steps that do nothing, each with a run of its own, all there before the node begins; 4 places on one node.
 * - next step: from the end of a step to the start of the one that needs it, median.
 * - restart: from kill -9 of a node to the start of its step by the same node, started anew at once (with the start of its process).
 * - takeover: from kill -9 of a node to the start of its step by another one, with the lease of the product (30 s).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { begin, ended, steps as stepsOf } from '../packages/server/src/testing/dispatcher-subject.ts';
import { publish } from '../packages/server/src/testing/ledger-store-subject.ts';
import { startPostgres } from '../packages/server/src/testing/postgres.ts';
import { samplePlan, sampleStep, unique } from '../packages/server/src/testing/sample-upload.ts';
import { dispatchers } from '../packages/server/test/dispatch-bench.ts';

const count = Number(process.argv[2] ?? 400);
const product = { leaseMs: 30_000, pollMs: 2_000 };
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

async function throughput(subject) {
  const plan = stepsOf(Array.from({ length: count }, (_, i) => `s${i}`));
  await begin(subject, plan);
  let left = count;
  let done;
  const all = new Promise((resolve) => {
    done = resolve;
  });
  const started = performance.now();
  const work = async () => {
    left -= 1;
    if (left === 0) done();
  };
  const node = await subject.node({ holder: unique('node'), places: { [plan[0].class]: 4 }, ...product, work });
  await all;
  const rate = count / ((performance.now() - started) / 1000);
  await node.stop();
  return rate;
}

async function nextStep(subject) {
  const own = unique('class').slice(0, 40);
  const names = ['a', 'b', 'c', 'd'];
  const gaps = [];
  let endedAt = null;
  const work = async () => {
    if (endedAt !== null) gaps.push(performance.now() - endedAt);
    await sleep(20);
    endedAt = performance.now();
  };
  const node = await subject.node({ holder: unique('node'), places: { [own]: 1 }, ...product, work });
  for (let i = 0; i < 5; i += 1) {
    endedAt = null;
    const chain = names.map((name, at) =>
      sampleStep(name, { class: own, params: { id: name }, needs: at === 0 ? [] : [names[at - 1]] }),
    );
    const { assetId } = await publish(subject.uploads, [samplePlan(chain, { pipeline: unique('pipeline') })]);
    await ended(
      subject,
      (await subject.ledger.runsOf(assetId)).map((run) => run.id),
    );
  }
  await node.stop();
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)];
}

async function afterKill(subject, sameNode) {
  const plan = stepsOf(['killed']);
  const own = plan[0].class;
  await begin(subject, plan);
  const holder = unique('node');
  const first = await subject.process({ holder, class: own, holds: true, ...product });
  await first.says('killed start');
  let resumed;
  const again = new Promise((resolve) => {
    resumed = resolve;
  });
  if (!sameNode)
    await subject.node({ holder: unique('other'), places: { [own]: 1 }, ...product, work: async () => resumed() });
  await sleep(2_000);
  const killed = performance.now();
  first.signal('SIGKILL');
  await first.ended;
  if (sameNode) {
    const second = await subject.process({ holder, class: own, holds: true, ...product });
    await second.says('killed start');
    const took = performance.now() - killed;
    second.signal('SIGKILL');
    return took;
  }
  await again;
  return performance.now() - killed;
}

const postgres = await startPostgres();
const rows = [];
for (const kind of ['embedded on SQLite', 'embedded on PostgreSQL', 'pg-boss']) {
  const fixture = await dispatchers(kind, postgres);
  const { subject } = fixture;
  const rate = await throughput(subject);
  const gap = await nextStep(subject);
  const restart = await afterKill(subject, true);
  const takeover = await afterKill(subject, false);
  rows.push({
    dispatcher: kind,
    'steps/s': Math.round(rate),
    'next step': `${Math.round(gap)} ms`,
    restart: seconds(restart),
    takeover: seconds(takeover),
  });
  process.stderr.write(`${kind} done\n`);
  await fixture.close();
}
console.table(rows);
await postgres.stop();
