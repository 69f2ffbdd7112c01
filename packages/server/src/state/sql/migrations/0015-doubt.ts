/** What is known against the bytes of an upload until it is finished. */
import type { Migration } from '../migrate.ts';

export const doubt: Migration = {
  version: 15,
  name: 'doubt',
  statements: () => [
    `alter table uploads add column doubt text not null default 'none' check (doubt in ('none', 'hashes', 'writers'))`,
  ],
};
