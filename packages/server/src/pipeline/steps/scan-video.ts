/** Step `scan_video`: decodes the file once, measures picture and sound, writes `<name>.analytic.json` and a picture per shot. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import { artifactStem, type ResultFile, type StepContext, type StepResult, withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { type Analysis, rounded, type Shot, type VideoFacts } from '../media/analysis.ts';
import { claimedSeconds, type MediaInfo, playingSeconds } from '../media/media-info.ts';
import { type ScanResult, scanFile } from '../media/scan.ts';
import type { ReadyTools } from '../media/tools.ts';
import type { TransitionKind } from '../media/transitions.ts';
import { probedMedia } from './inputs.ts';
import { KeyframeFiles, keyframeName } from './keyframe-files.ts';
import { mayBeMedia } from './media-assets.ts';
import { SampleFiles, samplesName } from './sample-files.ts';

const positive = { exclusiveMinimum: 0 };
const paramsSchema = Type.Object({
  ratioMin: Type.Number(positive),
  changeMin: Type.Number(positive),
  jumpMin: Type.Number(positive),
  windowFrames: Type.Integer({ minimum: 1, maximum: 10 }),
  shotSecondsMin: Type.Number({ minimum: 0 }),
  profile: Type.Union([Type.Literal('auto'), Type.Literal('film'), Type.Literal('slides')]),
  slideChangeMin: Type.Number(positive),
  slideRatioMin: Type.Number(positive),
  stillSecondsMin: Type.Number({ minimum: 0 }),
  gradualChangeMin: Type.Number(positive),
  bendMax: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  likenessMax: Type.Number({ minimum: -1, maximum: 1 }),
  plainSpreadMax: Type.Number(positive),
  plainSecondsMax: Type.Number({ minimum: 0 }),
  keyframesMax: Type.Integer({ minimum: 0, maximum: 5_000 }),
  keyframePixels: Type.Integer({ minimum: 16, maximum: 4_096 }),
  keyframeSpacingSeconds: Type.Number(positive),
  samplesMax: Type.Integer({ minimum: 0, maximum: 2_000 }),
  sampleSecondsMin: Type.Number(positive),
  blackSeconds: Type.Number(positive),
  frozenSeconds: Type.Number(positive),
  silenceSeconds: Type.Number(positive),
  silenceDb: Type.Number({ exclusiveMaximum: 0 }),
  framesMax: Type.Integer({ minimum: 1 }),
  decodeSecondsMax: Type.Number(positive),
});
type Params = Static<typeof paramsSchema>;

/** Thresholds of the cut detector: measured, see docs on the media pipeline. */
export const scanParams: Params = {
  ratioMin: 3.5,
  changeMin: 5,
  jumpMin: 7,
  windowFrames: 2,
  shotSecondsMin: 0.6,
  profile: 'auto',
  slideChangeMin: 0.8,
  slideRatioMin: 12,
  stillSecondsMin: 1.5,
  gradualChangeMin: 12,
  bendMax: 0.2,
  likenessMax: 0.6,
  plainSpreadMax: 2.5,
  plainSecondsMax: 1,
  keyframesMax: 200,
  keyframePixels: 640,
  keyframeSpacingSeconds: 0.4,
  samplesMax: 240,
  sampleSecondsMin: 1,
  blackSeconds: 0.5,
  frozenSeconds: 2,
  silenceSeconds: 1,
  silenceDb: -50,
  framesMax: 5_000_000,
  decodeSecondsMax: 86_400,
};

export const scanVideoStep = defineStep({
  name: 'scan_video',
  version: '2',
  class: 'media',
  priority: 50,
  // Each restart of the server while it runs counts as one.
  attemptsMax: 5,
  timeoutMs: 12 * 3_600_000,
  needs: ['probe'],
  params: scanParams,
  paramsSchema,
  appliesTo: mayBeMedia,
  async run(context) {
    const { tools } = context;
    if (tools.state === 'missing') return withoutTools(tools);
    return scanVideo(context, tools, probedMedia(context.inputs));
  },
});

async function scanVideo(context: StepContext<Params>, tools: ReadyTools, media: MediaInfo): Promise<StepResult> {
  const { params, asset, signal, clock, timeoutMs } = context;
  const keyframes = new KeyframeFiles(context.scratch, params.keyframesMax);
  const samples = new SampleFiles(context.scratch, params, playingSeconds(media));
  const scan = await scanFile({
    tools,
    file: context.assetPath,
    media,
    rules: params,
    signal,
    clock,
    timeoutMs,
    progress: (fraction) => context.progress(fraction),
    onPicture: (index, picture) => keyframes.write(index, picture),
    onSample: (picture) => samples.offer(picture),
  });
  const times = await keyframes.keep();
  const sampleTimes = await samples.join();
  const provenance = { engine: 'ffmpeg', engineVersion: tools.version, params, inputSha256: asset.id };
  const video = media.video ? videoFacts(scan, { params, times, sampleTimes }) : null;
  const analysis: Analysis = {
    kind: 'holdfast.analytic',
    schemaVersion: 1,
    ...provenance,
    asset: { name: context.assetName, sizeBytes: asset.size, contentType: asset.contentType },
    media,
    decoded: decodedFacts(scan),
    video,
    audio: scan.audio,
    warnings: warnings({ scan, media, params, keyframesDropped: keyframes.offered - times.size }),
  };
  const name = `${artifactStem(context.assetName)}.analytic.json`;
  await writeFile(path.join(context.scratch, name), `${JSON.stringify(analysis, null, 2)}\n`);
  const files: ResultFile[] = [{ name, contentType: 'application/json' }];
  for (const index of times.keys()) files.push({ name: keyframeName(index), contentType: 'image/jpeg' });
  if (sampleTimes.length > 0) files.push({ name: samplesName, contentType: 'video/x-motion-jpeg' });
  return {
    kind: 'done',
    output: {
      ...provenance,
      analytic: name,
      decodedSeconds: analysis.decoded.seconds,
      frames: scan.frames,
      shots: scan.shots.length,
      keyframes: times.size,
      integratedLufs: scan.audio?.integratedLufs ?? null,
      warnings: analysis.warnings,
    },
    files,
  };
}

/** A film of which most stands still is of slides or a screen. */
const slidesShareMin = 0.6;

interface KeptPictures {
  readonly params: Params;
  readonly times: ReadonlyMap<number, number>;
  readonly sampleTimes: readonly number[];
}

function videoFacts(scan: ScanResult, { params, times, sampleTimes }: KeptPictures): VideoFacts {
  const shots = scan.shots.map(
    (shot): Shot => ({
      ...shot,
      loudness: scan.loudnessBetween(shot.start, shot.end),
      keyframe: times.has(shot.index) ? keyframeName(shot.index) : null,
      keyframeTime: times.get(shot.index) ?? null,
    }),
  );
  const of = (kind: TransitionKind) => shots.filter(({ transition }) => transition?.kind === kind).length;
  const cuts = of('cut');
  const minutes = (scan.videoSeconds ?? 0) / 60;
  const durations = shots.map((shot) => shot.duration).sort((a, b) => a - b);
  const sum = durations.reduce((total, duration) => total + duration, 0);
  return {
    method: 'hsv-adaptive',
    frames: scan.frames,
    profile: params.profile === 'auto' ? (scan.stillShare >= slidesShareMin ? 'slides' : 'film') : params.profile,
    stillShare: rounded(scan.stillShare),
    shots,
    cuts,
    fades: of('fade'),
    dissolves: of('dissolve'),
    cutsPerMinute: minutes > 0 ? rounded(Math.max(0, shots.length - 1) / minutes, 2) : 0,
    shotSecondsMean: shots.length > 0 ? rounded(sum / shots.length, 2) : 0,
    shotSecondsMedian: rounded(medianOf(durations), 2),
    black: scan.black,
    frozen: scan.frozen,
    samples: sampleTimes.length === 0 ? null : { file: samplesName, times: sampleTimes },
  };
}

/** Of sorted values: the one in the middle, or the mean of the two there. 0 when there is none. */
function medianOf(sorted: readonly number[]): number {
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  return (lower + upper) / 2;
}

function decodedFacts(scan: ScanResult): Analysis['decoded'] {
  const [video, audio] = [scan.videoSeconds, scan.audioSeconds];
  return {
    seconds: rounded(Math.max(video ?? 0, audio ?? 0)),
    videoSeconds: video === null ? null : rounded(video),
    audioSeconds: audio === null ? null : rounded(audio),
    frames: scan.frames,
  };
}

interface Judged {
  readonly scan: ScanResult;
  readonly media: MediaInfo;
  readonly params: Params;
  readonly keyframesDropped: number;
}

function warnings({ scan, media, params, keyframesDropped }: Judged): Analysis['warnings'] {
  const out: Analysis['warnings'][number][] = [];
  const decoded = Math.max(scan.videoSeconds ?? 0, scan.audioSeconds ?? 0);
  const declared = claimedSeconds(media).length === 0 ? null : playingSeconds(media);
  const cutOff = decoded >= params.decodeSecondsMax - 1;
  if (cutOff) {
    out.push({ code: 'analysis-cut-off', message: `Only the first ${params.decodeSecondsMax} s were looked at.` });
  } else if (declared !== null && decoded < declared * 0.95 - 0.5) {
    const message = `The file says it lasts ${rounded(declared, 1)} s, but only ${rounded(decoded, 1)} s can be decoded: it is damaged or cut off.`;
    out.push({ code: 'decoded-shorter-than-declared', message });
  }
  if (scan.damage.lines > 0) {
    out.push({
      code: 'decode-errors',
      message: `ffmpeg reported damage ${scan.damage.lines} times: ${scan.damage.last}`,
    });
  }
  if (keyframesDropped > 0) {
    out.push({
      code: 'keyframes-thinned',
      message: `Pictures of ${keyframesDropped} shots were left out to keep ${params.keyframesMax}.`,
    });
  }
  return out;
}
