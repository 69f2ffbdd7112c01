/** Recordings: what is kept of some uploads for good. */
import type { Migration } from '../migrate.ts';

export const recordings: Migration = {
  version: 4,
  name: 'recordings',
  statements: ({ text, int, end }) => [
    // "upload" is null while the upload is there, and its row as JSON once it is purged.
    `create table recordings (
      id ${text} primary key,
      principal ${text} not null,
      subject_folded ${text} not null,
      created_at ${int} not null,
      upload ${text}
    )${end}`,
    `create index recordings_list on recordings (principal, created_at desc, id desc)`,
    `create index recordings_subject on recordings (principal, subject_folded, created_at desc, id desc)`,
  ],
};
