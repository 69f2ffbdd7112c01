/** The composition root of one node: the only place that names concrete adapters. Opens everything, recovers, closes in reverse. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileTypeFromBuffer } from 'file-type';
import type { Logger } from 'pino';
import { beginRun, type OpenRun, readBootRecord } from '../blobs/disk/boot-record.ts';
import { limitsOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { watchFoldersOf } from '../config/watch.ts';
import type { Limits } from '../core/limits.ts';
import type { BlobStores } from '../core/ports/blob-stores.ts';
import { type CrashPoints, noCrashPoints } from '../core/ports/crash-points.ts';
import { createHttpServer, type HttpServer } from '../http/app.ts';
import type { AuthHook } from '../http/auth.ts';
import { createMetrics, type Metrics } from '../http/metrics.ts';
import { type Definitions, loadDefinitions } from '../pipeline/definitions/load-definitions.ts';
import { PipelineLibrary } from '../pipeline/library.ts';
import { planRuns } from '../pipeline/plan.ts';
import { readBootId } from '../platform/boot-id.ts';
import { systemClock } from '../platform/system-clock.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import { lockInstance } from '../state/sql/instance-lock.ts';
import { openSqliteState, type State } from '../state/sql/open.ts';
import type { UploadDependencies } from '../uploads/dependencies.ts';
import { RecordingService } from '../uploads/recordings.ts';
import { recover } from '../uploads/recover.ts';
import { UploadService } from '../uploads/service.ts';
import { Sweeper } from '../uploads/sweep.ts';
import type { Watcher, WatchNews } from '../watch/watcher.ts';
import { access } from './access.ts';
import { Closing } from './closing.ts';
import { healthChecks } from './health.ts';
import { nodeIdentity } from './node-identity.ts';
import { openBlobs } from './open-blobs.ts';
import { configuredPipelines, surroundings } from './pipeline-definitions.ts';
import { type PipelineNode, startPipeline } from './pipeline-node.ts';
import { packageVersion } from './version.ts';
import { knowOutsideAssets, openWatcher, watchHealth } from './watch-node.ts';
import { openWebhooks, readWebhookSettings, type WebhookNode } from './webhook-node.ts';

export interface NodeOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly crash?: CrashPoints;
  /** The embedding program's own authentication; null: only the built-in ways. */
  readonly authenticate?: AuthHook | null;
  /** Hears what becomes of watched files, from the first one on. */
  readonly watchNews?: (news: WatchNews) => void;
}

/** A node that has recovered and is ready to listen. */
export interface ServerNode {
  readonly http: HttpServer;
  readonly version: string;
  readonly watcher: Watcher;
  /** Stops taking requests, finishes or leaves what is running in order, lets go of everything. */
  close(): Promise<void>;
}

const webDir = fileURLToPath(new URL('../../web', import.meta.url));

export async function openNode(options: NodeOptions): Promise<ServerNode> {
  const { config, log, crash = noCrashPoints, authenticate = null, watchNews = () => {} } = options;
  const closing = new Closing();
  try {
    return await open({ config, log, crash, authenticate, watchNews }, closing);
  } catch (error) {
    await closing.close(log);
    throw error;
  }
}

async function open(options: Required<NodeOptions>, closing: Closing): Promise<ServerNode> {
  const { config, log, crash } = options;
  const settings = readWebhookSettings(config);
  const definitions = await configuredPipelines(config, process.env);
  const folders = watchFoldersOf(config);
  const dataDir = resolve(config.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockInstance(dataDir);
  closing.add('instance lock', () => lock.release());
  const holder = await nodeIdentity(dataDir);
  const bootId = await readBootId();
  const lastRun = await readBootRecord(dataDir, bootId);
  let run: OpenRun | null = null;
  closing.add('boot record', () => run?.markClean());

  const state = await openSqliteState({
    file: join(dataDir, 'state.db'),
    clock: systemClock,
    receipts: config.durability,
  });
  closing.add('state', () => state.close());
  const disk = await openBlobs(config, dataDir, state.partMap);
  closing.add('blobs', () => disk.blobs.close());
  await knowOutsideAssets(state, disk);

  const metrics = createMetrics();
  const limits = limitsOf(config);
  const hooks = openWebhooks({ config, settings, log, crash, holder, state, registry: metrics.registry });
  const parts = { options, limits, disk, state, metrics, hooks, definitions };
  const deps = uploadDependencies({ ...parts, holder });
  const uploads = new UploadService(deps);
  closing.add('finishing uploads', async () => {
    await uploads.concatenations.idle();
    await uploads.finisher.idle();
  });
  await recover(deps, uploads.finisher, {
    distrustBytes: config.blobs === 'disk' && lastRun === 'machine-went-down' && config.durability === 'committed',
  });
  await uploads.concatenations.sweep();
  run = await beginRun(dataDir, bootId);
  const sweeper = new Sweeper(deps, uploads);
  const sweep = () => Promise.all([sweeper.sweep(), sweepWebhooks(hooks, log)]);
  closing.add('clean-up', sweeping(sweep, config.cleanupIntervalMinutes * 60_000));

  const pipeline = startPipeline({ config, log, crash, holder, state, disk, definitions });
  closing.add('pipeline', () => pipeline.stop());
  const registry = metrics.registry;
  const watcher = await openWatcher({ config, folders, log, crash, state, disk, registry, deps });
  closing.add('watched folders', () => watcher.stop());
  watcher.listen(options.watchNews);
  await watcher.start();
  await hooks.webhooks.start();
  closing.add('webhooks', () => hooks.webhooks.stop());
  const http = await createHttpServer(httpOptions({ ...parts, uploads, pipeline, watcher }));
  closing.add('http', async () => {
    // A long body would be waited for, and then cut off; a part of it that came is as good.
    const closed = http.close();
    await uploads.stopAppending();
    await closed;
  });
  return { http, version: packageVersion(), watcher, close: () => closing.close(log) };
}

interface Parts {
  readonly options: Required<NodeOptions>;
  readonly limits: Limits;
  readonly disk: BlobStores;
  readonly state: State;
  readonly metrics: Metrics;
  readonly hooks: WebhookNode;
  readonly definitions: Definitions;
}

function uploadDependencies(parts: Parts & { readonly holder: string }): UploadDependencies {
  const { options, limits, disk, state, metrics, hooks, definitions, holder } = parts;
  return {
    store: state.uploads,
    blobs: disk.blobs,
    claims: state.claims,
    locks: state.locks,
    tokens: state.tokens,
    clock: systemClock,
    limits,
    log: options.log,
    observer: metrics.observer,
    crash: options.crash,
    creationGate: hooks.creationGate,
    holder,
    newId: uuidv7,
    planRuns: (asset, origin) => (options.config.pipeline ? planRuns(definitions.pipelines, asset, [origin]) : []),
    allowedTypes: options.config.allowedTypes.length === 0 ? null : options.config.allowedTypes,
    sniffType: async (head) => (await fileTypeFromBuffer(head))?.mime ?? null,
  };
}

function httpOptions(
  parts: Parts & { readonly uploads: UploadService; readonly pipeline: PipelineNode; readonly watcher: Watcher },
): Parameters<typeof createHttpServer>[0] {
  const { options, limits, uploads, disk, state, metrics, hooks, definitions, pipeline, watcher } = parts;
  const { config, log } = options;
  return {
    services: {
      uploads,
      store: state.uploads,
      ledger: state.ledger,
      control: state.control,
      questions: state.questions,
      classLimits: config.pipeline ? definitions.classes : {},
      search: state.search,
      recordings: new RecordingService(state.recordings, uploads, systemClock),
      recordingSettings: recordingSettings(config),
      blobs: disk.blobs,
      artifacts: disk.artifacts,
      webhooks: hooks.webhooks,
      watch: watcher,
      pipelines: new PipelineLibrary({
        ledger: state.ledger,
        library: state.library,
        pipelines: definitions.pipelines,
        check: async (files) => loadDefinitions(files, await surroundings(config, process.env)).pipelines,
        processes: config.pipeline,
        clock: systemClock,
        notify: () => pipeline.notify(),
      }),
      isAdmin: (principal) => config.apiKeys.length === 0 || config.admins.includes(principal),
      limits,
      version: packageVersion(),
      durability: config.durability,
      notifyPipeline: () => pipeline.notify(),
    },
    ...access({ config, state, hook: options.authenticate }),
    clock: systemClock,
    log,
    metrics,
    healthChecks: [
      ...healthChecks({ state, disk, pipeline, reserveBytes: config.reserveMb * 1024 * 1024 }),
      ...watchHealth(watcher, watchFoldersOf(config)),
    ],
    rateLimits: {
      reads: config.readsPerMinute,
      writes: config.writesPerMinute,
      chunks: config.chunksPerMinute,
      failures: config.failedSignInsPerMinute,
    },
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    basePath: config.basePath,
    webDir,
  };
}

async function sweepWebhooks(hooks: WebhookNode, log: Logger): Promise<void> {
  await hooks.webhooks
    .sweep()
    .catch((error: unknown) =>
      log.error({ err: error }, 'could not clean up webhooks; trying again in the next round'),
    );
}

function recordingSettings(config: Config) {
  const { chunkValidation, audioCompression, compressionPreset, preserveOriginalAudio } = config;
  return { chunkValidation, audioCompression, compressionPreset, preserveOriginalAudio };
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
