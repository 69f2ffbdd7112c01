/** What the HTTP server and the upload service of a node are made of. */
import { fileURLToPath } from 'node:url';
import { fileTypeFromBuffer } from 'file-type';
import { liesOutside } from '../blobs/with-outside-assets.ts';
import type { Config } from '../config/schema.ts';
import { watchFoldersOf } from '../config/watch.ts';
import type { Limits } from '../core/limits.ts';
import type { BlobStores } from '../core/ports/blob-stores.ts';
import type { Tracing } from '../core/ports/tracing.ts';
import type { WatchAdmin } from '../core/ports/watch-admin.ts';
import type { WebhookAdmin } from '../core/ports/webhook-admin.ts';
import type { createHttpServer } from '../http/app.ts';
import type { Metrics } from '../http/metrics.ts';
import { type Definitions, loadDefinitions } from '../pipeline/definitions/load-definitions.ts';
import { PipelineLibrary } from '../pipeline/library.ts';
import { planRuns } from '../pipeline/plan.ts';
import { systemClock } from '../platform/system-clock.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import type { State } from '../state/sql/open.ts';
import { ContentTurns } from '../uploads/content-turns.ts';
import { Deletion } from '../uploads/deletion.ts';
import type { UploadDependencies } from '../uploads/dependencies.ts';
import { RecordingService } from '../uploads/recordings.ts';
import type { UploadService } from '../uploads/service.ts';
import type { Watcher } from '../watch/watcher.ts';
import { access } from './access.ts';
import { healthChecks } from './health.ts';
import type { NodeOptions } from './node-options.ts';
import { surroundings } from './pipeline-definitions.ts';
import type { PipelineNode } from './pipeline-node.ts';
import type { Presence } from './presence.ts';
import { packageVersion } from './version.ts';
import { watchHealth } from './watch-node.ts';
import type { WebhookNode } from './webhook-node.ts';

const webDir = fileURLToPath(new URL('../../web', import.meta.url));

export interface Parts {
  readonly options: Required<NodeOptions>;
  readonly limits: Limits;
  readonly disk: BlobStores;
  readonly state: State;
  /** Null: this node is alone. */
  readonly presence: Presence | null;
  readonly tracing: Tracing;
  readonly metrics: Metrics;
  readonly hooks: WebhookNode;
  readonly definitions: Definitions;
}

export function uploadDependencies(parts: Parts & { readonly holder: string }): UploadDependencies {
  const { options, limits, disk, state, metrics, hooks, definitions, holder } = parts;
  return {
    store: state.uploads,
    blobs: disk.blobs,
    direct: options.config.s3Direct ? disk.direct : null,
    claims: state.claims,
    locks: state.locks,
    contents: new ContentTurns(state.locks),
    deletions: state.deletions,
    tokens: state.tokens,
    clock: systemClock,
    limits,
    log: options.log,
    observer: metrics.observer,
    tracing: parts.tracing,
    crash: options.crash,
    creationGate: hooks.creationGate,
    holder,
    newId: uuidv7,
    planRuns: (asset, origin) => (options.config.pipeline ? planRuns(definitions.pipelines, asset, [origin]) : []),
    allowedTypes: options.config.allowedTypes.length === 0 ? null : options.config.allowedTypes,
    sniffType: async (head) => (await fileTypeFromBuffer(head))?.mime ?? null,
  };
}

export function deletionOf(deps: UploadDependencies, { artifacts, outside }: BlobStores): Deletion {
  return new Deletion({
    ...deps,
    artifacts,
    outside: { has: (id) => liesOutside(outside, id), forget: (id) => void outside.delete(id) },
  });
}

interface Services extends Parts {
  readonly uploads: UploadService;
  readonly deletion: Deletion;
  readonly pipeline: PipelineNode;
  readonly watcher: Watcher;
}

export function httpOptions(parts: Services): Parameters<typeof createHttpServer>[0] {
  const { options, limits, uploads, disk, state, metrics, hooks, definitions, pipeline, watcher } = parts;
  const { presence, deletion } = parts;
  const { config, log, seat } = options;
  const who = access({ config, state, hook: options.authenticate });
  const watch = seat.once<WatchAdmin>('watch', ['folders', 'folder', 'scan', 'resume'], watcher);
  const webhooks = seat.once<WebhookAdmin>('webhooks', ['endpoints', 'failures', 'retry', 'ping'], hooks.webhooks);
  return {
    services: {
      uploads,
      deletion,
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
      downloads: config.s3PresignedDownloads ? disk.direct : null,
      webhooks,
      watch,
      pipelines: new PipelineLibrary({
        ledger: state.ledger,
        library: state.library,
        pipelines: definitions.pipelines,
        check: async (files) => loadDefinitions(files, await surroundings(config, process.env)).pipelines,
        processes: config.pipeline,
        clock: systemClock,
        notify: () => pipeline.notify(),
      }),
      isAdmin: (principal) => who.auth.open || config.admins.includes(principal),
      limits,
      version: packageVersion(),
      durability: config.durability,
      notifyPipeline: () => pipeline.notify(),
    },
    ...who,
    clock: systemClock,
    log,
    tracing: parts.tracing,
    metrics: { ...metrics, page: seat.scraped(metrics.registry) },
    healthChecks: [
      ...healthChecks({ state, disk, presence, pipeline, reserveBytes: config.reserveMb * 1024 * 1024 }),
      ...watchHealth(watch, config.role === 'web' ? [] : watchFoldersOf(config)),
      ...seat.health,
    ],
    rateLimits: {
      reads: config.readsPerMinute,
      writes: config.writesPerMinute,
      chunks: config.chunksPerMinute,
      failures: Math.ceil(config.failedSignInsPerMinute / seat.count),
    },
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    basePath: config.basePath,
    everywhere: (name, act) => seat.everywhere(name, act),
    storeOrigin: disk.direct?.origin ?? null,
    serves: config.role === 'worker' ? 'health' : 'everything',
    webDir: config.role === 'worker' ? null : webDir,
  };
}

function recordingSettings(config: Config) {
  const { chunkValidation, audioCompression, compressionPreset, preserveOriginalAudio } = config;
  return { chunkValidation, audioCompression, compressionPreset, preserveOriginalAudio };
}
