/** A6: uploads that cannot fit are refused before they send anything. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { nodeFileIo } from './file-io.ts';
import { SpaceGuard } from './space-guard.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A disk that answers what it is told to, and how often it was asked. */
function disk(answers: readonly (number | Error)[]) {
  let asked = 0;
  const freeBytes = async (): Promise<number> => {
    const answer = answers[asked] ?? 0;
    asked += 1;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { io: { ...nodeFileIo, freeBytes }, asked: () => asked };
}

test('an answer counts for a moment, then the disk is asked again', async () => {
  const { io, asked } = disk([1_000, 400]);
  const space = new SpaceGuard(io, '/', 100);
  expect(await Promise.all([space.free(), space.free()])).toEqual([900, 900]);
  await space.require(900);
  expect(asked()).toBe(1);
  vi.advanceTimersByTime(101);
  await expect(space.require(301)).rejects.toMatchObject({
    code: 'insufficient-storage',
    details: { neededBytes: 301, freeBytes: 300 },
  });
  expect(asked()).toBe(2);
});

test('a question that failed is asked again at once', async () => {
  const { io } = disk([new Error('EIO'), 1_000]);
  const space = new SpaceGuard(io, '/', 0);
  await expect(space.free()).rejects.toThrow('EIO');
  expect(await space.free()).toBe(1_000);
});
