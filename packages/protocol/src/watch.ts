/**
 * Watched folders, for those who look after a server.
 *
 *   GET  /v1/watch              every folder with its state    → WatchFolderList
 *   GET  /v1/watch/:id          with the files that wait, and what happened lately → WatchFolderDetails
 *   POST /v1/watch/:id/scan     looks at it now                → WatchFolderDetails
 *   POST /v1/watch/:id/resume   what is gone is gone for good  → WatchFolderDetails
 */
import { type Static, type TSchema, Type } from 'typebox';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Time = Type.String({ format: 'date-time' });

export const watchFolderStates = ['starting', 'watching', 'offline', 'paused', 'failing'] as const;
export const watchOutcomes = ['succeeded', 'failed', 'known'] as const;
export const watchedFileStates = ['waiting', 'taken', 'ended', 'moving', 'done', 'ignored'] as const;

const folderFields = {
  id: Type.String(),
  path: Type.String(),
  recursive: Type.Boolean(),
  take: Type.String({ description: 'auto, reflink, link, copy, in-place' }),
  outcome: Type.String({ description: 'keep, move' }),
  state: Type.Unsafe<(typeof watchFolderStates)[number]>(Type.String({ enum: [...watchFolderStates] })),
  reason: Nullable(Type.String()),
  notices: Type.Union([Type.Literal('changes'), Type.Literal('interval')], {
    description: 'Whether changes are noticed at once, or by scans only.',
  }),
  noticesReason: Nullable(Type.String()),
  intervalSeconds: Type.Number(),
  settleSeconds: Type.Number(),
  scannedAt: Nullable(Time),
  scanSeconds: Nullable(Type.Number()),
  files: Type.Integer({ description: 'Files that the last scan looked at.' }),
  counts: Type.Object({
    waiting: Type.Integer(),
    taken: Type.Integer({ description: 'Taken, and its runs are not over.' }),
    done: Type.Integer(),
    ignored: Type.Integer(),
    succeeded: Type.Integer(),
    failed: Type.Integer(),
    known: Type.Integer({ description: 'Passed over: an older system processed them.' }),
  }),
  taking: Type.Array(Type.Object({ path: Type.String(), size: Type.Integer(), bytes: Type.Integer() })),
  problems: Type.Array(Type.String()),
};

export const WatchFolder = Type.Object(folderFields, { $id: 'WatchFolder' });
export type WatchFolder = Static<typeof WatchFolder>;
export const WatchFolderList = Type.Object({ items: Type.Array(WatchFolder) }, { $id: 'WatchFolderList' });
export type WatchFolderList = Static<typeof WatchFolderList>;

export const WatchedFile = Type.Object(
  {
    path: Type.String({ description: 'In the folder. What is not well-formed in a name shows as U+FFFD.' }),
    size: Type.Integer(),
    state: Type.Unsafe<(typeof watchedFileStates)[number]>(Type.String({ enum: [...watchedFileStates] })),
    reason: Nullable(Type.String({ description: 'Why it waits, is ignored or failed.' })),
    sha256: Nullable(Type.String()),
    outcome: Nullable(Type.Unsafe<(typeof watchOutcomes)[number]>(Type.String({ enum: [...watchOutcomes] }))),
    movedTo: Nullable(Type.String()),
    seenAt: Time,
    takenAt: Nullable(Time),
    endedAt: Nullable(Time),
  },
  { $id: 'WatchedFile' },
);
export type WatchedFile = Static<typeof WatchedFile>;

const fileRef = Type.Unsafe<WatchedFile>(Type.Ref('WatchedFile'));

export const WatchFolderDetails = Type.Object(
  { ...folderFields, waitingFiles: Type.Array(fileRef), recentFiles: Type.Array(fileRef) },
  { $id: 'WatchFolderDetails' },
);
export type WatchFolderDetails = Static<typeof WatchFolderDetails>;
