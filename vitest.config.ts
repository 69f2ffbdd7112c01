import { defineConfig } from 'vitest/config';

/** They kill servers in rounds, two at once, or hold recovery to a time: both cores are theirs. */
const alone = ['crash*', '*-crash', 'story', 'server-life'].map((name) => `test/e2e/${name}.test.ts`);

/** Time-outs of a second meet machines that stand still for one: CI tries once more, and its report names what needed it. */
const retry = process.env['CI'] === undefined ? 0 : 1;

/** `expect.poll` waits for what happens in other processes: a second, the default, is little on a busy machine. */
const expect = { poll: { timeout: 20_000 } };

export default defineConfig({
  test: {
    globalSetup: [],
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.ts',
            'packages/*/test/**/*.test.ts',
            'apps/*/src/**/*.test.ts',
            'test/*.test.ts',
          ],
          expect,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Most of them wait for processes, disks and time, so more run at once than there are cores.
          maxWorkers: 4,
          retry,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: alone,
          expect,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          retry,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'alone',
          include: alone,
          expect,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
