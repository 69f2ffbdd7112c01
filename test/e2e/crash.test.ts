/**
 * A1, A4, B6, E1: nothing that was acknowledged is lost, whatever point the process dies at.
 * CRASH_SEEDS says how many seeds (110), CRASH_SEED_FIRST where to begin; a failure names its seed.
 */
import { expect, test } from 'vitest';
import { crashPointNames } from '../../packages/server/src/core/ports/crash-points.ts';
import { Campaign } from './crash-campaign.ts';
import { ServerProcess } from './server-process.ts';
import { seededRandom } from './upload-driver.ts';

const seeds = Number(process.env['CRASH_SEEDS'] ?? 110);
const kills = Math.ceil(seeds / 6);
const first = Number(process.env['CRASH_SEED_FIRST'] ?? 1);
const points = crashPointNames.filter((name) => !/^(?:step|append|concatenation):/.test(name));

function arm(seed: number): { point: string; nth: number } {
  const point = points[seed % points.length] ?? 'receipt:after-write';
  const most = point.startsWith('receipt:') ? 10 : 3;
  return { point, nth: 1 + Math.floor(seededRandom(seed * 7919)() * most) };
}

/** Two servers at once, each with half of the seeds: starting is what takes the time. */
test.concurrent.each(['committed', 'synced'])(
  `A1, A4: killed at every crash point of receipt and completion, durability %s`,
  async (durability) => {
    await using server = await ServerProcess.start({
      args: ['--no-pipeline', '--durability', durability],
      env: { HOLDFAST_RESERVE_MB: '0' },
    });
    const campaign = new Campaign(server);
    for (let seed = first + (durability === 'synced' ? 1 : 0); seed < first + seeds; seed += 2)
      await campaign.live(seed, arm(seed));
    await campaign.finish();
    const { crashes, ...totals } = campaign.report;
    console.log(`${durability}: ${JSON.stringify({ ...totals, crashes: Object.fromEntries(crashes) })}`);
    if (seeds < 100) return;
    for (const point of points) expect(crashes.get(point) ?? 0, `times that it died at ${point}`).toBeGreaterThan(0);
    expect(campaign.report.unreached).toBeLessThan(seeds / 4);
  },
  600_000,
);

test.concurrent('A1, A4: killed from outside at any moment while bytes flow', async () => {
  await using server = await ServerProcess.start({
    args: ['--no-pipeline', '--durability', 'committed'],
    env: { HOLDFAST_RESERVE_MB: '0' },
  });
  const campaign = new Campaign(server);
  for (let seed = 10_000; seed < 10_000 + kills; seed += 1)
    await campaign.liveUntilKilled(seed, seededRandom(seed)() * 600);
  await campaign.finish();
  expect(campaign.report.completed).toBeGreaterThan(kills / 2);
}, 600_000);
