/** Uploads whose bytes are appended, their locks, and concatenations. */
import type { Migration } from '../migrate.ts';

export const append: Migration = {
  version: 2,
  name: 'append',
  statements: ({ text, int, clustered }) => [
    `alter table uploads add column intake ${text} not null default 'grid' check (intake in ('grid', 'append'))`,
    `alter table uploads add column ends ${text} not null default 'by-length' check (ends in ('by-length', 'by-client'))`,
    `alter table uploads add column dialect_data ${text} not null default '{}'`,
    `alter table uploads add column concat_role ${text} not null default 'none' check (concat_role in ('none', 'partial', 'final'))`,
    `alter table uploads add column concat_uses ${int} not null default 0 check (concat_uses >= 0)`,
    `alter table uploads add column concat_parts ${text}`,
    `alter table uploads add column withdrawn ${int} not null default 0 check (withdrawn in (0, 1))`,
    `create index uploads_waiting on uploads (id) where concat_role = 'final' and state = 'receiving'`,

    `create table upload_parts (
      part_id ${text} not null,
      final_id ${text} not null references uploads (id) on delete cascade,
      primary key (part_id, final_id)
    )${clustered}`,
    `create index upload_parts_final on upload_parts (final_id)`,

    `create table upload_locks (
      upload_id ${text} primary key,
      process ${text} not null,
      grant_no ${int} not null,
      until ${int} not null,
      asked ${int} not null
    )${clustered}`,
    `create index upload_locks_process on upload_locks (process)`,
  ],
};
