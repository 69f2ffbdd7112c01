/** Watched folders: what is in them, digests of files by what `lstat` tells, contents that were processed. */
import type { Migration } from '../migrate.ts';

export const watch: Migration = {
  version: 8,
  name: 'watch',
  statements: ({ text, int, end, clustered }) => [
    `alter table asset_sources add column watch_folder ${text}`,
    `alter table asset_sources add column watch_path ${text}`,
    `create table watch_folders (
      id ${text} primary key,
      path ${text} not null,
      device ${text} not null,
      inode ${text} not null,
      state ${text} not null check (state in ('watching', 'paused')),
      reason ${text},
      scanned_at ${int} not null
    )${end}`,
    `create table watch_files (
      folder_id ${text} not null,
      dir ${text} not null,
      name ${text} not null,
      device ${text} not null,
      inode ${text} not null,
      size ${int} not null,
      mtime_ns ${text} not null,
      ctime_ns ${text} not null,
      state ${text} not null check (state in ('waiting', 'taken', 'ended', 'moving', 'done', 'ignored')),
      reason ${text},
      quiet_since ${int} not null,
      boot ${text} not null,
      attempts ${int} not null,
      not_before ${int} not null,
      seen_at ${int} not null,
      sha256 ${text},
      taken_at ${int},
      outcome ${text} check (outcome in ('succeeded', 'failed', 'known')),
      ended_at ${int},
      moved_to ${text},
      missing ${int} not null,
      primary key (folder_id, dir, name),
      check ((state in ('waiting', 'ignored')) = (taken_at is null)),
      check (taken_at is null or sha256 is not null),
      check ((outcome is null) = (ended_at is null))
    )${clustered}`,
    `create index watch_files_state on watch_files (folder_id, state, seen_at desc)`,
    `create index watch_files_taken on watch_files (folder_id, taken_at) where state = 'taken'`,
    `create index watch_files_unmoved on watch_files (folder_id, ended_at) where state in ('ended', 'moving')`,
    `create index watch_files_digest on watch_files (sha256) where sha256 is not null`,
    `create table watch_digests (
      device ${text} not null,
      inode ${text} not null,
      size ${int} not null,
      mtime_ns ${text} not null,
      sha256 ${text} not null,
      primary key (device, inode)
    )${clustered}`,
    `create table outside_assets (
      asset_id ${text} primary key references assets (id),
      path ${text} not null,
      device ${text} not null,
      inode ${text} not null,
      size ${int} not null,
      mtime_ns ${text} not null,
      ctime_ns ${text} not null
    )${end}`,
    `create table processed_contents (
      sha256 ${text} primary key,
      at ${int} not null,
      outcome ${text} not null check (outcome in ('succeeded', 'failed', 'known')),
      name ${text} not null,
      imported ${int} not null,
      logged ${int} not null
    )${end}`,
    `create index processed_contents_unlogged on processed_contents (at) where logged = 0`,
    `create index artifacts_sha256 on artifacts (sha256)`,
  ],
};
