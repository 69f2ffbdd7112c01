/** What the machine was without that skipped a step, so that it is found again when a machine has it. */
import type { Migration } from '../migrate.ts';

export const lacks: Migration = {
  version: 18,
  name: 'lacks',
  statements: ({ text }) => [
    `alter table steps add column lacks ${text} check (lacks is null or lacks = 'media-tools')`,
    `create index steps_lacks on steps (lacks, key) where lacks is not null`,
  ],
};
