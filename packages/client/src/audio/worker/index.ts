/** The worker: takes one order from the page and answers it. Bundled into `dist/audio/worker.js`. */
import { defaultRuntime } from '../../runtime.ts';
import { planFor } from '../goal-plan.ts';
import type { Compressed, Order, Report, SourceFacts } from '../messages.ts';
import { SkipError, skipped } from '../skipped.ts';
import { convert, tooLarge } from './convert.ts';
import { findOpus, type OpusAbility } from './opus-encoder.ts';
import { OpusStream } from './opus-stream.ts';
import { asSkip, isReadable, openSound, type SoundSource } from './sound-source.ts';

/** The part of DedicatedWorkerGlobalScope that is used. */
interface WorkerScope {
  postMessage(report: Report): void;
  onmessage: ((event: MessageEvent<Order>) => void) | null;
}

const { now, after } = defaultRuntime();
const progressMs = 100;
const heartbeatMs = 10_000;
const gone = skipped('unreadable', 'The file cannot be read any more; choose it again.');
const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => void serve(data);
scope.postMessage({ kind: 'ready' });

async function serve(order: Order): Promise<void> {
  let source: SourceFacts | null = null;
  try {
    const opus = await findOpus();
    const sound = await reading(openSound(order.blob, order.kind === 'compress'));
    source = sound.facts;
    const { longFrames } = opus;
    if (order.kind === 'probe') scope.postMessage({ kind: 'probed', source, longFrames });
    else scope.postMessage(await compressed(order, sound, opus));
  } catch (error) {
    const reason = (await isReadable(order.blob)) ? asSkip(error).skipped : gone;
    scope.postMessage({ kind: 'skipped', skipped: reason, source });
  }
}

/** Tells the page meanwhile that the worker lives. Once sound is decoded, progress tells; a decoder that hangs is found by its silence. */
async function reading<Result>(work: Promise<Result>): Promise<Result> {
  let stop = () => {};
  const beat = () => {
    scope.postMessage({ kind: 'reading' });
    stop = after(heartbeatMs, beat);
  };
  stop = after(heartbeatMs, beat);
  return work.finally(() => stop());
}

type CompressOrder = Extract<Order, { kind: 'compress' }>;

async function compressed(
  { blob, goal, filters }: CompressOrder,
  sound: SoundSource,
  opus: OpusAbility,
): Promise<Compressed> {
  const { facts, announcedSeconds } = sound;
  const plan = planFor(goal, blob, facts, opus.longFrames);
  const output = new OpusStream(plan, opus.detailsFor(plan.bitrate, plan.frameMs));
  const onSeconds = progressReporter(facts.durationSeconds);
  const bytesMax = 'targetBytes' in goal ? goal.targetBytes + 1 : blob.size;
  const result = await convert(sound, { filters, output, bytesMax, onSeconds });
  if (announcedSeconds !== null && announcedSeconds - result.seconds > Math.max(1, 0.01 * announcedSeconds))
    throw new SkipError(
      'damaged',
      `The file announces ${Math.round(announcedSeconds)} s of sound and has ${Math.round(result.seconds)} s: it is cut off or damaged.`,
    );
  if (result.blob.size >= bytesMax) throw tooLarge(result.seconds, facts.durationSeconds);
  return {
    kind: 'compressed',
    blob: result.blob,
    source: facts,
    bitrate: plan.bitrate,
    durationSeconds: result.seconds,
  };
}

/** Reports progress at most every 100 ms. */
function progressReporter(durationSeconds: number): (seconds: number) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (secondsDone) => {
    if (now() - last < progressMs) return;
    last = now();
    const fraction = Math.min(0.999, secondsDone / durationSeconds);
    scope.postMessage({ kind: 'progress', progress: { fraction, secondsDone, durationSeconds } });
  };
}
