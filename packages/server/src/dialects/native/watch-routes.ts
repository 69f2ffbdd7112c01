/** /v1/watch: the watched folders. For administrators only: paths of the machine are nobody else's business. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type * as wire from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { FolderDetails, FolderStatus, WatchedFileView } from '../../core/ports/watch-admin.ts';
import type { Millis } from '../../core/upload.ts';
import type { NativeContext } from './context.ts';

const tags = ['watch'];
const problem = { '4xx': Type.Ref('Problem') };
const Id = Type.Object({ id: Type.String({ maxLength: 64 }) });
const details = { 200: Type.Ref('WatchFolderDetails'), ...problem };

export function watchRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  const { watch } = context;
  const found = async (id: string): Promise<wire.WatchFolderDetails> => {
    const folder = await watch.folder(id);
    if (!folder) throw new HoldfastError('folder-not-found', `No folder ${id} is watched.`);
    return renderDetails(folder);
  };
  return async (app) => {
    app.addHook('preValidation', async (request) => {
      const principal = context.principal(request);
      if (context.isAdmin(principal)) return;
      throw new HoldfastError(
        'forbidden',
        `Watched folders are looked after by administrators, and ${principal} is none. The setting "admins" (HOLDFAST_ADMINS) names them.`,
      );
    });
    const list = { 200: Type.Ref('WatchFolderList'), ...problem };
    app.get(
      '/v1/watch',
      { schema: { tags, summary: 'Watched folders with their states', response: list } },
      async () => ({
        items: (await watch.folders()).map(renderFolder),
      }),
    );
    app.get(
      '/v1/watch/:id',
      { schema: { tags, summary: 'One folder, with files that wait and why', params: Id, response: details } },
      async (request) => await found(request.params.id),
    );
    app.post(
      '/v1/watch/:id/scan',
      { schema: { tags, summary: 'Look at the folder now', params: Id, response: details } },
      async (request) => {
        await watch.scan(request.params.id);
        return await found(request.params.id);
      },
    );
    app.post(
      '/v1/watch/:id/resume',
      {
        schema: { tags, summary: 'What is gone from a paused folder is gone for good', params: Id, response: details },
      },
      async (request) => {
        await watch.resume(request.params.id);
        return await found(request.params.id);
      },
    );
  };
}

const iso = (at: Millis): string => new Date(at).toISOString();
const isoOrNull = (at: Millis | null): string | null => (at === null ? null : iso(at));

function renderFolder(status: FolderStatus): wire.WatchFolder {
  const { folder, counts } = status;
  const { waiting, taken, ended, moving, done, ignored, succeeded, failed, known } = counts;
  return {
    id: folder.id,
    path: folder.path,
    recursive: folder.recursive,
    take: folder.take,
    outcome: folder.outcome,
    state: status.state,
    reason: status.reason,
    notices: status.notices,
    noticesReason: status.noticesReason,
    intervalSeconds: folder.intervalMs / 1000,
    settleSeconds: folder.settleMs / 1000,
    scannedAt: isoOrNull(status.scannedAt),
    scanSeconds: status.scanMs === null ? null : status.scanMs / 1000,
    files: status.files,
    counts: { waiting, taken: taken + ended + moving, done, ignored, succeeded, failed, known },
    taking: status.taking.map((one) => ({ ...one })),
    problems: [...status.problems],
  };
}

function renderFile(file: WatchedFileView): wire.WatchedFile {
  const { seenAt, takenAt, endedAt, ...rest } = file;
  return { ...rest, seenAt: iso(seenAt), takenAt: isoOrNull(takenAt), endedAt: isoOrNull(endedAt) };
}

function renderDetails(folder: FolderDetails): wire.WatchFolderDetails {
  const { waiting, recent } = folder;
  return { ...renderFolder(folder), waitingFiles: waiting.map(renderFile), recentFiles: recent.map(renderFile) };
}
