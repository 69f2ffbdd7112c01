/** Contents that were deleted and whose bytes and results may still be in storage. */
import type { Migration } from '../migrate.ts';

export const deletions: Migration = {
  version: 21,
  name: 'deletions',
  statements: ({ text, int, end }) => [
    `create table deleted_contents (
      asset_id ${text} primary key,
      deleted_at ${int} not null,
      step_keys ${text} not null
    )${end}`,
  ],
};
