/** Where the bytes of unfinished uploads are in a store of objects. */
import type { Migration } from '../migrate.ts';

export const partMap: Migration = {
  version: 11,
  name: 'part map',
  statements: ({ text, int, bytes, end, clustered }) => [
    `create table part_maps (
      upload_id ${text} primary key,
      epoch ${int} not null,
      rewrites ${int} not null,
      inline_bytes ${int} not null,
      digest ${text},
      digest_size ${int},
      target ${text}
    )${clustered}`,
    // Of an object: where the piece begins in it, its bytes, its ETag. Otherwise the bytes themselves.
    `create table pieces (
      upload_id ${text} not null,
      start_at ${int} not null,
      end_at ${int} not null,
      object ${text},
      object_at ${int},
      object_size ${int},
      etag ${text},
      bytes ${bytes},
      primary key (upload_id, start_at),
      check (end_at > start_at),
      check ((object is null) = (bytes is not null)),
      check ((object is null) = (etag is null))
    )${end}`,
    `create index pieces_object on pieces (object) where object is not null`,
    `create table garbage_objects (
      object ${text} primary key
    )${clustered}`,
  ],
};
