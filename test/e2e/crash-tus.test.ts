/**
 * A1, A4: bytes that were appended, and concatenations, whatever point the process dies at. CRASH_SEEDS says how many seeds (60),
 * CRASH_SEED_FIRST where to begin; a failure names its seed.
 */
import { expect, test } from 'vitest';
import { crashPointNames } from '../../packages/server/src/core/ports/crash-points.ts';
import { ServerProcess } from './server-process.ts';
import { TusCampaign } from './tus-campaign.ts';
import { seededRandom } from './upload-driver.ts';

const seeds = Number(process.env['CRASH_SEEDS'] ?? 60);
const first = Number(process.env['CRASH_SEED_FIRST'] ?? 1);
const points = crashPointNames.filter((name) => /^(?:append|concatenation|completion):/.test(name));

function arm(seed: number): { point: string; nth: number } {
  const point = points[seed % points.length] ?? 'append:after-write';
  const most = point.startsWith('append:') ? 8 : 2;
  return { point, nth: 1 + Math.floor(seededRandom(seed * 7919)() * most) };
}

test.each(['committed', 'synced'])(
  'killed at every crash point of appending and concatenating, durability %s',
  async (durability) => {
    await using server = await ServerProcess.start({
      args: ['--no-pipeline', '--durability', durability],
      env: { HOLDFAST_RESERVE_MB: '0' },
    });
    const campaign = new TusCampaign(server);
    for (let seed = first; seed < first + seeds / 2; seed += 1) await campaign.live(seed, arm(seed));
    await campaign.finish();
    console.log(
      `${durability}: ${campaign.completed} completed, ${JSON.stringify(Object.fromEntries(campaign.crashes))}`,
    );
    if (seeds < 60) return;
    for (const point of points)
      expect(campaign.crashes.get(point) ?? 0, `times that it died at ${point}`).toBeGreaterThan(0);
  },
  600_000,
);
