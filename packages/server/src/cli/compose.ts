/** The composition root of one node: the only place that names concrete adapters. Opens everything, recovers, closes in reverse. */
import type { Logger } from 'pino';
import { limitsOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { watchFoldersOf } from '../config/watch.ts';
import { HoldfastError } from '../core/errors.ts';
import type { BlobStores } from '../core/ports/blob-stores.ts';
import { noCrashPoints } from '../core/ports/crash-points.ts';
import { createHttpServer, type HttpServer } from '../http/app.ts';
import { createMetrics } from '../http/metrics.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { Deletion } from '../uploads/deletion.ts';
import { recover } from '../uploads/recover.ts';
import { UploadService } from '../uploads/service.ts';
import { Sweeper } from '../uploads/sweep.ts';
import type { Watcher } from '../watch/watcher.ts';
import { Closing } from './closing.ts';
import { deletionOf, httpOptions, uploadDependencies } from './http-node.ts';
import type { NodeOptions } from './node-options.ts';
import { isShared } from './open-state.ts';
import { openStores, type Stores } from './open-stores.ts';
import { configuredPipelines } from './pipeline-definitions.ts';
import { startPipeline } from './pipeline-node.ts';
import { alone } from './processes/seat.ts';
import { serverLog } from './server-log.ts';
import { packageVersion, refuseOldNode } from './version.ts';
import { knowOutsideAssets, openWatcher } from './watch-node.ts';
import { openWebhooks, readWebhookSettings, type WebhookNode } from './webhook-node.ts';

/** A node that has recovered and is ready to listen. */
export interface ServerNode {
  readonly http: HttpServer;
  readonly version: string;
  readonly watcher: Watcher;
  /** Stops taking requests, finishes or leaves what is running in order, lets go of everything. */
  close(): Promise<void>;
}

/** How soon what a node that is gone was finishing goes on elsewhere, beside the regular clean-up. */
const takeOverMs = 10_000;
/** Looking for them lists the bucket, which costs requests; and what is on its way right now looks like one for a while. */
const orphansEveryMs = 6 * 3_600_000;
const orphanAgeMs = 24 * 3_600_000;

/**
 * Opens a server in this process; what it opened is closed again when something of it fails. Rejects with a HoldfastError: `unavailable` when
 * another process has the data directory or Node.js is too old, `invalid-request` for settings that do not go together.
 */
export async function openNode(options: NodeOptions): Promise<ServerNode> {
  refuseOldNode();
  const { config, log = serverLog(config), crash = noCrashPoints, authenticate = null, watchNews = () => {} } = options;
  const { seat = alone, onLost = (error) => log.error({ err: error }, 'this node has to end') } = options;
  const closing = new Closing();
  try {
    return await open({ config, log, crash, authenticate, watchNews, onLost, seat }, closing);
  } catch (error) {
    await closing.close(log);
    throw error;
  }
}

async function open(options: Required<NodeOptions>, closing: Closing): Promise<ServerNode> {
  const { config, log, crash, seat } = options;
  refuseRole(config);
  const settings = readWebhookSettings(config);
  const definitions = await configuredPipelines(config, process.env);
  const classes = Object.keys(definitions.classes);
  const { place, queue, state, disk, presence, tracing, begun } = await openStores(options, { classes, closing });
  const { holder } = place;

  const metrics = createMetrics();
  const limits = limitsOf(config);
  const hooks = openWebhooks({ config, settings, log, crash, holder, state, registry: metrics.registry });
  const parts = { options, limits, disk, state, presence, tracing, metrics, hooks, definitions };
  const deps = uploadDependencies({ ...parts, holder });
  const uploads = new UploadService(deps);
  const deletion = deletionOf(deps, disk);
  closing.add('finishing uploads', async () => {
    await uploads.concatenations.idle();
    await uploads.finisher.idle();
  });
  await recover(deps, uploads.finisher, {
    distrustBytes: begun.machineWentDown && config.blobs === 'disk' && config.durability === 'committed',
    retired: place.root === null ? seat.retired(holder) : [],
  });
  await uploads.concatenations.sweep();
  await begun.recovered();
  const sweeper = new Sweeper(deps, uploads);
  const sweep = () => Promise.all([sweeper.sweep(), sweepDeleted(deletion, log), sweepWebhooks(hooks, log)]);
  if (seat.background) closing.add('clean-up', sweeping(sweep, config.cleanupIntervalMinutes * 60_000));
  const { removeOrphans } = disk;
  if (seat.background && removeOrphans !== null)
    closing.add(
      'orphans',
      sweeping(() => sweepOrphans(removeOrphans, log), orphansEveryMs),
    );
  if (presence !== null)
    closing.add(
      'takeovers',
      sweeping(() => catchUp(sweeper, { state, disk, config, log }), takeOverMs),
    );

  const pipeline = seat.pipeline(() =>
    startPipeline({ config, log, tracing, crash, place, state, disk, definitions, queue }),
  );
  closing.add('pipeline', () => pipeline.stop());
  const registry = metrics.registry;
  const folders = config.role === 'web' || !seat.background ? [] : watchFoldersOf(config);
  const sharedAs = presence === null ? null : { process: place.process, node: holder };
  const watcher = await openWatcher({ config, folders, log, crash, state, disk, registry, deps, sharedAs });
  closing.add('watched folders', () => watcher.stop());
  watcher.listen(options.watchNews);
  await watcher.start();
  if (seat.background) await hooks.webhooks.start();
  closing.add('webhooks', () => hooks.webhooks.stop());
  const http = await createHttpServer(httpOptions({ ...parts, uploads, deletion, pipeline, watcher }));
  closing.add('http', async () => {
    // A long body would be waited for, and then cut off; a part of it that came is as good.
    const closed = http.close();
    await uploads.stopAppending();
    await closed;
  });
  return { http, version: packageVersion(), watcher, close: () => closing.close(log) };
}

/** What other nodes left, and what they know that this one has to. */
async function catchUp(
  sweeper: Sweeper,
  { state, disk, config, log }: Pick<Stores, 'state' | 'disk'> & Pick<Required<NodeOptions>, 'config' | 'log'>,
): Promise<void> {
  await sweeper.takeOver();
  if (!config.watch.some((folder) => folder.take === 'in-place')) return;
  await knowOutsideAssets(state, disk).catch((error: unknown) =>
    log.warn({ err: error }, 'could not ask where assets are that stayed outside of the store'),
  );
}

/** A role makes sense only where other nodes do the rest. */
function refuseRole({ role, state, ledger, pipeline }: Config): void {
  if (role !== 'all' && !isShared({ state, ledger }))
    throw new HoldfastError(
      'invalid-request',
      `The role "${role}" is for nodes that share a database: set state to postgres://…, or leave the role out.`,
    );
  if (role === 'worker' && !pipeline)
    throw new HoldfastError(
      'invalid-request',
      'A worker without the pipeline has nothing to do: leave one of the two out.',
    );
}

async function sweepOrphans(remove: NonNullable<BlobStores['removeOrphans']>, log: Logger): Promise<void> {
  try {
    const { objects, multipartUploads } = await remove(orphanAgeMs);
    if (objects + multipartUploads > 0)
      log.info({ objects, multipartUploads }, 'removed what crashes had left in the bucket');
  } catch (error) {
    log.warn({ err: error }, 'could not look for what crashes left in the bucket; trying again later');
  }
}

async function sweepDeleted(deletion: Deletion, log: Logger): Promise<void> {
  await deletion
    .sweep()
    .catch((error: unknown) =>
      log.error({ err: error }, 'could not look for what is left of deleted assets; trying again in the next round'),
    );
}

async function sweepWebhooks(hooks: WebhookNode, log: Logger): Promise<void> {
  await hooks.webhooks
    .sweep()
    .catch((error: unknown) =>
      log.error({ err: error }, 'could not clean up webhooks; trying again in the next round'),
    );
}

/** Clean-ups one after the other, never two at once; the returned function stops and waits for the running one. */
function sweeping(sweep: () => Promise<unknown>, intervalMs: number): () => Promise<void> {
  let stopped = false;
  let running: Promise<unknown> = Promise.resolve();
  let cancel = () => {};
  const schedule = () => {
    if (stopped) return;
    cancel = systemClock.after(intervalMs, () => {
      running = sweep().finally(schedule);
    });
  };
  schedule();
  return async () => {
    stopped = true;
    cancel();
    await running;
  };
}
