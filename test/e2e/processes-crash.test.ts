/**
 * B6, E1: a server of two processes, of which one dies at every crash point of receipts, appends and completion while the other goes on, or is
 * killed from outside, or the supervisor is. CRASH_PROCESS_SEEDS says how many seeds, CRASH_SEED_FIRST where to begin; a failure names its seed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent, Run } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { crashPointNames } from '../../packages/server/src/core/ports/crash-points.ts';
import { Campaign } from './crash-campaign.ts';
import { ServerProcess } from './server-process.ts';
import { type Arm, Survivors } from './survivors.ts';
import { TusCampaign } from './tus-campaign.ts';
import { Api, seededRandom } from './upload-driver.ts';

const all = process.env['HOLDFAST_TEST_ALL'] === '1';
const seeds = Number(process.env['CRASH_PROCESS_SEEDS'] ?? (all ? 80 : 6));
const first = Number(process.env['CRASH_SEED_FIRST'] ?? 1);

/** The file that says who is to die. */
function armed(dir: string): string {
  return join(dir, 'crash-at');
}

/** Two processes, and one step for everything that arrives. */
async function start(dir: string, durability: string): Promise<ServerProcess> {
  const pipelines = join(dir, 'once.yaml');
  const step = `{ name: once, command: [sh, -c, 'echo done'], version: 1, outputs: { told: { file: told.txt, type: text/plain, from: stdout } } }`;
  await writeFile(pipelines, `default: false\npipelines:\n  - name: once\n    steps:\n      - ${step}\n`);
  return await ServerProcess.start({
    args: ['--processes', '2', '--durability', durability, '--pipelines', pipelines],
    env: { HOLDFAST_RESERVE_MB: '0', HOLDFAST_TEST_CRASH_AT: `file:${armed(dir)}` },
  });
}

/** What else happens in the life of the seed: in some of them a process is killed from outside as well, or the supervisor. */
function arm(seed: number, { server, survivors, points }: Lives): Arm & { end(): void } {
  const random = seededRandom(seed * 7919);
  const point = points[seed % points.length] ?? 'receipt:after-write';
  // The first one is sure to be reached.
  const nth = seed === first ? 1 : 1 + Math.floor(random() * (/^(?:receipt|append)/.test(point) ? 6 : 2));
  const [what, ms] = [random(), random() * 500];
  let timer: NodeJS.Timeout | undefined;
  const serving = (): void => {
    // A process that dies again and again is started later each time: a new supervisor begins anew.
    if (seed % 4 === 3) timer = setTimeout(() => void server.kill(), ms);
    else if (what < 0.25) timer = setTimeout(() => survivors.kill(1), ms);
    else if (what < 0.5) timer = setTimeout(() => survivors.kill(2), ms);
  };
  return { point, nth, serving, end: () => clearTimeout(timer) };
}

interface Lives {
  readonly server: ServerProcess;
  readonly survivors: Survivors;
  readonly points: readonly string[];
}

/** One run of each content, one result of its step, however often it was begun. */
async function processedOnce(server: ServerProcess, digests: ReadonlySet<string>): Promise<void> {
  const api = new Api(() => server.url);
  for (const digest of digests) {
    const runs = async () => (await api.json<{ items: Run[] }>('GET', `/v1/assets/${digest}/runs`)).body.items;
    for (const deadline = performance.now() + 60_000; ; await sleep(20)) {
      const states = (await runs()).map(({ state }) => state).join();
      if (states === 'succeeded') break;
      if (performance.now() > deadline)
        throw new Error(`The runs of ${digest} should be one that succeeded: ${states}`);
    }
    for (const { id } of await runs()) {
      const { body } = await api.json<{ items: LogEvent[] }>('GET', `/v1/runs/${id}/events?limit=1000`);
      const types = body.items.map(({ type }) => type);
      for (const once of ['run.succeeded', 'step.succeeded'])
        expect(
          types.filter((type) => type === once),
          `${once} in ${types.join()}`,
        ).toHaveLength(1);
    }
  }
  api.close();
}

async function live(
  { points, durability }: { readonly points: RegExp; readonly durability: 'committed' | 'synced' },
  open: (server: ServerProcess, survivors: Survivors) => Campaign | TusCampaign,
): Promise<ReadonlyMap<string, number>> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-processes-crash-'));
  await using server = await start(dir, durability);
  const survivors = new Survivors(server, armed(dir));
  const campaign = open(server, survivors);
  const lives = { server, survivors, points: crashPointNames.filter((name) => points.test(name)) };
  for (let seed = first; seed < first + seeds / 2; seed += 1) {
    const armed = arm(seed, lives);
    await campaign.live(seed, armed);
    armed.end();
  }
  await campaign.finish();
  await processedOnce(server, campaign.arrived);
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  await rm(dir, { recursive: true, force: true });
  expect(campaign.arrived.size).toBeGreaterThan(seeds / 2);
  const crashes = campaign instanceof Campaign ? campaign.report.crashes : campaign.crashes;
  console.log(`${campaign.arrived.size} files arrived, ${JSON.stringify(Object.fromEntries(crashes))}`);
  if (seeds >= 80) expect([...crashes.keys()].sort()).toEqual([...lives.points].sort());
  return crashes;
}

test.concurrent('A1, A4, E1: chunks, while one of two processes dies', async () => {
  const crashes = await live(
    { points: /^(?:receipt|completion):/, durability: 'committed' },
    (server, survivors) => new Campaign(server, { survivors }),
  );
  expect(crashes.size).toBeGreaterThan(0);
}, 600_000);

test.concurrent('A1, A4, E1: appended bytes and concatenations, while one of two processes dies', async () => {
  const crashes = await live(
    { points: /^(?:append|concatenation|completion):/, durability: 'synced' },
    (server, survivors) => new TusCampaign(server, { survivors }),
  );
  expect(crashes.size).toBeGreaterThan(0);
}, 600_000);
