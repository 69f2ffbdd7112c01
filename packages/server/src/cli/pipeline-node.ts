/** The pipeline of one node: media tools, the configured pipelines, the runner over the ledger. */
import type { Logger } from 'pino';
import type { Config } from '../config/schema.ts';
import type { BlobStores } from '../core/ports/blob-stores.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { Tracing } from '../core/ports/tracing.ts';
import { endOrphans } from '../pipeline/command/orphans.ts';
import type { Definitions } from '../pipeline/definitions/load-definitions.ts';
import { Runner } from '../pipeline/dispatch/runner.ts';
import type { RunnerSettings } from '../pipeline/dispatch/settings.ts';
import type { MediaTools } from '../pipeline/media/tools.ts';
import { SearchIndexer } from '../pipeline/search-indexer.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { State } from '../state/sql/open.ts';
import { engineSecrets } from './engines.ts';
import { mediaTools } from './media-tools.ts';
import type { NodePlace } from './node-place.ts';
import { dispatcherOf, type StepQueue } from './step-queue.ts';

export interface PipelineNode {
  /** Wakes the runner up: something may be due. */
  notify(): void;
  /** A line of facts; throws when the pipeline cannot work. */
  describe(): string | Promise<string>;
  stop(): Promise<void>;
}

export interface PipelineNodeOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly tracing: Tracing;
  readonly crash: CrashPoints;
  readonly place: Pick<NodePlace, 'holder' | 'scratch'>;
  readonly state: State;
  readonly disk: BlobStores;
  readonly definitions: Definitions;
  /** Delivers the steps; default: this node looks for them in the ledger. */
  readonly queue?: StepQueue | null;
}

const leaseMs = 30_000;
const pollMs = 2_000;
const stopMs = 10_000;
const indexPollMs = 10_000;

function off(why: string): PipelineNode {
  return { notify: () => {}, describe: () => why, stop: async () => {} };
}

/** Begins in the background: looking for media tools starts programs, and uploads need not wait for that. */
export function startPipeline(options: PipelineNodeOptions): PipelineNode {
  if (!options.config.pipeline) return off('switched off by the configuration');
  if (options.config.role === 'web') return off('steps run on other nodes');
  const stopping = new AbortController();
  let tools: MediaTools | null = null;
  let runner: Runner | null = null;
  const indexer = searchIndexer(options);
  let failure: unknown = null;
  let unsubscribe = () => {};
  const started = (async () => {
    tools = await mediaTools(options.config, stopping.signal);
    // Who was stopped while looking knows nothing of the tools.
    if (stopping.signal.aborted) return;
    if (tools.state === 'missing')
      options.log.warn({ reason: tools.reason }, 'media steps are skipped until this node starts with these tools');
    await endOrphans(options.place.scratch, options.log);
    const settings = { ...runnerSettings(options, tools), secrets: await engineSecrets(options.config) };
    const made = new Runner(settings, dispatcherOf(settings, options.queue ?? null));
    runner = made;
    await made.start();
    indexer.start();
    unsubscribe = options.state.uploads.onEvents(() => {
      made.notify();
      indexer.notify();
    });
    // Last, because there may be many: the rest is processed meanwhile.
    if (tools.state === 'ready' && (await putBackLacking(options)) > 0) made.notify();
  })().catch((error: unknown) => {
    failure = error;
    options.log.error({ err: error }, 'the pipeline could not be started');
  });
  return {
    notify: () => runner?.notify(),
    describe: () => {
      if (failure !== null) throw new Error('it could not be started; the log has the reason', { cause: failure });
      return tools === null ? 'starting' : describe(tools, runner);
    },
    stop: async () => {
      stopping.abort();
      await started;
      unsubscribe();
      await indexer.stop();
      await runner?.stop();
    },
  };
}

/** Steps that this or another node skipped because it had no media tools. A failure costs no more than that they wait for the next start. */
async function putBackLacking({ state, place, log }: PipelineNodeOptions): Promise<number> {
  try {
    const steps = await state.control.retryLacking('media-tools', { by: place.holder, now: systemClock.now() });
    if (steps > 0) log.info({ steps }, 'steps that were skipped for want of media tools are done now');
    return steps;
  } catch (error) {
    log.warn({ err: error }, 'steps that were skipped for want of media tools could not be put back');
    return 0;
  }
}

function searchIndexer({ state, disk, log }: PipelineNodeOptions): SearchIndexer {
  return new SearchIndexer({
    search: state.search,
    artifacts: disk.artifacts,
    clock: systemClock,
    log,
    pollMs: indexPollMs,
  });
}

function runnerSettings(options: PipelineNodeOptions, tools: MediaTools): RunnerSettings {
  const { log, state, disk, definitions } = options;
  return {
    ledger: state.ledger,
    artifacts: disk.artifacts,
    assets: disk.blobs,
    steps: definitions.pipelines.flatMap((pipeline) => pipeline.steps),
    tools,
    clock: systemClock,
    log,
    tracing: options.tracing,
    crashPoints: options.crash,
    random: Math.random,
    holder: options.place.holder,
    limits: definitions.classes,
    clusterLimits: definitions.clusterClasses,
    leaseMs,
    pollMs,
    stopMs,
  };
}

function describe(tools: MediaTools, runner: Runner | null): string {
  if (tools.state === 'missing') throw new Error(`media steps are skipped: ${tools.reason}`);
  return `ffmpeg ${tools.version}, ${runner?.active ?? 0} steps running, delivery ${runner?.delivery ?? 'not begun'}`;
}
