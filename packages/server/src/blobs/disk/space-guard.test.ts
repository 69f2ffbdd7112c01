/** Uploads that cannot fit are refused before they send anything. */
import { expect, test } from 'vitest';
import { nodeFileIo } from './file-io.ts';
import { SpaceGuard } from './space-guard.ts';

/** A guard of a disk that answers what it is told to; `later` lets the time pass that an answer counts. */
function guarded(answers: readonly (number | Error)[], reserveBytes: number) {
  let asked = 0;
  const timers: (() => void)[] = [];
  const freeBytes = async (): Promise<number> => {
    const answer = answers[asked] ?? 0;
    asked += 1;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const after = (_ms: number, callback: () => void) => {
    timers.push(callback);
    return () => {};
  };
  const space = new SpaceGuard({
    io: { ...nodeFileIo, freeBytes },
    clock: { now: () => 0, after },
    path: '/',
    reserveBytes,
  });
  return { space, asked: () => asked, later: () => timers.splice(0).forEach((end) => void end()) };
}

test('an answer counts for a moment, then the disk is asked again', async () => {
  const { space, asked, later } = guarded([1_000, 400], 100);
  expect(await Promise.all([space.free(), space.free()])).toEqual([900, 900]);
  await space.require(900);
  expect(asked()).toBe(1);
  later();
  await expect(space.require(301)).rejects.toMatchObject({
    code: 'insufficient-storage',
    details: { neededBytes: 301, freeBytes: 300 },
  });
  expect(asked()).toBe(2);
});

test('a question that failed is asked again at once', async () => {
  const { space } = guarded([new Error('EIO'), 1_000], 0);
  await expect(space.free()).rejects.toThrow('EIO');
  expect(await space.free()).toBe(1_000);
});
