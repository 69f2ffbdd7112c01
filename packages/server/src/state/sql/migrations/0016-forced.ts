/** Whether a lock or a claim was taken over by force: who has it may die, or lose the answer, before it has done what that makes necessary. */
import type { Migration } from '../migrate.ts';

export const forced: Migration = {
  version: 16,
  name: 'forced',
  statements: ({ int }) => [
    `alter table upload_locks add column forced ${int} not null default 0`,
    `alter table extent_claims add column forced ${int} not null default 0`,
  ],
};
