/** A1: waiting for an upload that another process finishes. */
import { describe, expect, test } from 'vitest';
import type { Upload } from '../core/upload.ts';
import { SimulatedProcess, World } from '../testing/lease-world.ts';
import { sampleUpload } from '../testing/sample-upload.ts';
import { Endings } from './endings.ts';

const validating = sampleUpload({ phase: { name: 'validating' } as Upload['phase'] });
const ended: Upload = { ...validating, phase: { name: 'failed' } as Upload['phase'] };

/** Waits for at most `waitMs` for an upload that ends elsewhere after `endsMs`; when that was known and how often was looked. */
async function waiting(endsMs: number, waitMs: number, tellMs = Number.POSITIVE_INFINITY) {
  const world = new World();
  const begun = world.now;
  const clock = new SimulatedProcess(world, 0);
  let looks = 0;
  const find = async () => {
    looks += 1;
    return world.now - begun >= endsMs ? ended : validating;
  };
  const endings = new Endings({ clock, store: { find } as never });
  let seenMs = Number.NaN;
  const done = endings.until(validating, waitMs).then((upload) => {
    seenMs = world.now - begun;
    return upload;
  });
  if (tellMs < waitMs) clock.after(tellMs, () => endings.tell(validating.id));
  await world.until(begun + 2 * waitMs, () => {});
  return { upload: await done, seenMs, looks };
}

describe('an upload that ends in another process', () => {
  test('at once: it is known within milliseconds', async () => {
    expect(await waiting(10, 20_000)).toMatchObject({ upload: ended, seenMs: 20, looks: 1 });
    expect(await waiting(30, 20_000)).toMatchObject({ seenMs: 60, looks: 2 });
  });

  test('after a while: it is known half a second later at most, and is not asked for all the time', async () => {
    const { upload, seenMs, looks } = await waiting(10_000, 20_000);
    expect(upload).toBe(ended);
    expect(seenMs).toBeLessThanOrEqual(10_500);
    expect(looks).toBeLessThan(30);
  });

  test('not in time: as it is then', async () => {
    expect(await waiting(10_000, 700)).toMatchObject({ upload: validating, seenMs: 700 });
  });
});

test('an upload that ends in this process is told of', async () => {
  expect(await waiting(105, 20_000, 105)).toMatchObject({ upload: ended, seenMs: 105 });
});
