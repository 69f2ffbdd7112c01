/** Checks and partial indexes compare with each word of their lists: see `Ddl.compareEach`. */
import type { Migration } from '../migrate.ts';

export const compared: Migration = {
  version: 17,
  name: 'compared',
  statements: ({ compareEach }) =>
    compareEach([
      {
        column: 'state',
        values: ['receiving', 'paused', 'validating', 'assembling', 'completed', 'cancelled', 'expired', 'failed'],
      },
      { column: 'state', values: ['receiving', 'paused', 'validating', 'assembling'] },
      { column: 'state', values: ['completed', 'cancelled', 'expired', 'failed'] },
      { column: 'concat_role', values: ['none', 'partial', 'final'] },
      { column: 'doubt', values: ['none', 'hashes', 'writers'] },
      { column: 'state', values: ['running', 'succeeded', 'failed', 'cancelled'] },
      {
        column: 'state',
        values: ['blocked', 'pending', 'running', 'succeeded', 'skipped', 'failed', 'cancelled'],
      },
      { column: 'state', values: ['running', 'succeeded', 'skipped', 'failed', 'cancelled', 'released'] },
      { column: 'state', values: ['pending', 'delivered', 'failed'] },
      { column: 'state', values: ['waiting', 'taken', 'ended', 'moving', 'done', 'ignored'] },
      { column: 'outcome', values: ['succeeded', 'failed', 'known'] },
    ]),
};
