/** By which formats the files of a watched folder were judged, so that those that were ignored are looked at again when it takes others. */
import type { Migration } from '../migrate.ts';

export const formats: Migration = {
  version: 20,
  name: 'formats',
  statements: ({ text }) => [`alter table watch_folders add column formats ${text}`],
};
