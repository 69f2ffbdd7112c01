import { defineConfig } from 'vitest/config';

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
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Most of them wait for processes, disks and time: two at once on two cores, before the end-to-end tests, which need both.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
