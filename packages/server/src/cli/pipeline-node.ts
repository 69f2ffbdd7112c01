/** The embedded pipeline of one node: media tools, the default pipeline, the runner over the ledger. */
import type { Logger } from 'pino';
import type { DiskBlobs } from '../blobs/disk/open.ts';
import type { Config } from '../config/schema.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import { defaultPipeline } from '../pipeline/default-pipeline.ts';
import { Runner } from '../pipeline/dispatch/runner.ts';
import type { MediaTools } from '../pipeline/media/tools.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { State } from '../state/sql/open.ts';
import { mediaTools } from './media-tools.ts';

export interface PipelineNode {
  /** Wakes the runner up: something may be due. */
  notify(): void;
  /** A line of facts; throws when the pipeline cannot work. */
  describe(): string;
  stop(): Promise<void>;
}

export interface PipelineNodeOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly crash: CrashPoints;
  readonly holder: string;
  readonly state: State;
  readonly disk: DiskBlobs;
}

const leaseMs = 30_000;
const pollMs = 2_000;
const stopMs = 10_000;

const off: PipelineNode = {
  notify: () => {},
  describe: () => 'switched off by the configuration',
  stop: async () => {},
};

export async function startPipeline(options: PipelineNodeOptions): Promise<PipelineNode> {
  const { config, log, state, disk } = options;
  if (!config.pipeline) return off;
  const tools = await mediaTools(config, new AbortController().signal);
  if (tools.state === 'missing') log.warn({ reason: tools.reason }, 'media steps are skipped on this machine');
  const runner = new Runner({
    ledger: state.ledger,
    artifacts: disk.artifacts,
    assets: disk.blobs,
    steps: defaultPipeline.steps,
    tools,
    clock: systemClock,
    log,
    crashPoints: options.crash,
    random: Math.random,
    holder: options.holder,
    limits: { light: 2, media: config.mediaConcurrency },
    leaseMs,
    pollMs,
    stopMs,
  });
  await runner.start();
  const unsubscribe = state.uploads.onEvents(() => runner.notify());
  return {
    notify: () => runner.notify(),
    describe: () => describe(tools, runner.active),
    stop: async () => {
      unsubscribe();
      await runner.stop();
    },
  };
}

function describe(tools: MediaTools, active: number): string {
  if (tools.state === 'missing') throw new Error(`media steps are skipped: ${tools.reason}`);
  return `ffmpeg ${tools.version}, ${active} steps running`;
}
