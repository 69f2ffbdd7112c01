/** Watched folders of one node, put together. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileTypeFromBuffer } from 'file-type';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Config } from '../config/schema.ts';
import type { BlobStores } from '../core/ports/blob-stores.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { WatchAdmin } from '../core/ports/watch-admin.ts';
import type { WatchFolder } from '../core/watch.ts';
import type { HealthCheck } from '../http/health-routes.ts';
import { addWatchGauges, watchMetrics } from '../http/watch-metrics.ts';
import { systemClock } from '../platform/system-clock.ts';
import { readUptime } from '../platform/uptime.ts';
import type { State } from '../state/sql/open.ts';
import type { UploadDependencies } from '../uploads/dependencies.ts';
import { TakeIn } from '../uploads/take-in.ts';
import { textToName } from '../watch/names.ts';
import { Watcher } from '../watch/watcher.ts';

export interface WatchNodeOptions {
  readonly config: Config;
  readonly folders: readonly WatchFolder[];
  readonly log: Logger;
  readonly crash: CrashPoints;
  readonly state: State;
  readonly disk: BlobStores;
  readonly registry: Registry;
  /** This process among those that share the folders; null: it is alone. */
  readonly sharedAs: { readonly process: string; readonly node: string } | null;
  readonly deps: Pick<UploadDependencies, 'planRuns' | 'allowedTypes' | 'newId' | 'contents'>;
}

/** Bytes of assets that stayed outside of the store are found from here on. */
export async function knowOutsideAssets(state: State, disk: BlobStores): Promise<void> {
  for (const { assetId, path, facts } of await state.watch.outsideAssets())
    disk.outside.set(assetId, { path: textToName(path), facts });
}

/** Nothing is scanned before `start`. */
export async function openWatcher(options: WatchNodeOptions): Promise<Watcher> {
  const { config, folders, log, crash, state, disk, registry, deps, sharedAs } = options;
  const uptime = await readUptime();
  const turns = sharedAs === null ? null : { leases: state.leases, holder: sharedAs, clock: systemClock, uptime };
  const takeIn = new TakeIn({
    ...deps,
    intake: disk.intake,
    watch: state.watch,
    blobs: disk.blobs,
    clock: systemClock,
    crash,
    sniffType: async (head) => (await fileTypeFromBuffer(head))?.mime ?? null,
    outsideTaken: ({ assetId, facts }, path) => void disk.outside.set(assetId, { path, facts }),
  });
  const watcher = new Watcher({
    folders,
    takeIn,
    store: state.watch,
    ledger: state.ledger,
    artifacts: disk.artifacts,
    intake: disk.intake,
    clock: systemClock,
    uptime,
    turns,
    log,
    crash,
    observer: watchMetrics(registry),
    processedLogFile: config.processedLog === undefined ? null : resolve(config.processedLog),
    concurrency: config.watchConcurrency,
    skip: [await realpath(config.dataDir)],
    outsideMoved: ({ assetId, facts }, path) => void disk.outside.set(assetId, { path, facts }),
    onEvents: (listener) => state.uploads.onEvents(listener),
  });
  addWatchGauges(registry, () => watcher.folders());
  return watcher;
}

/** One line of `/health` for each folder. */
export function watchHealth(watcher: Pick<WatchAdmin, 'folders'>, folders: readonly WatchFolder[]): HealthCheck[] {
  return folders.map(({ id, path }) => ({
    name: `watch ${path}`,
    publicName: `watch ${id}`,
    required: false,
    check: async () => {
      const folder = (await watcher.folders()).find((one) => one.folder.id === id);
      if (!folder) throw new Error('it is not watched');
      const { state, reason, counts, scannedAt, noticesReason, problems } = folder;
      if (state !== 'watching' && state !== 'starting') throw new Error(`${state}: ${reason}`);
      const scanned = scannedAt === null ? 'not scanned yet' : `last scan ${new Date(scannedAt).toISOString()}`;
      const taken = counts.taken + counts.ended + counts.moving + counts.done;
      const parts = [state, scanned, `${counts.waiting} waiting`, `${taken} taken`];
      if (noticesReason !== null) parts.push(`changes are seen by scans only: ${noticesReason}`);
      if (problems.length > 0) parts.push(`problems: ${problems.slice(0, 3).join('; ')}`);
      return parts.join(', ');
    },
  }));
}
