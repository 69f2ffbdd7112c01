/** Inputs that a step wants but can do without. */
import type { Migration } from '../migrate.ts';

export const wants: Migration = {
  version: 6,
  name: 'wants',
  statements: ({ int }) => [
    `alter table step_needs add column optional ${int} not null default 0 check (optional in (0, 1))`,
  ],
};
