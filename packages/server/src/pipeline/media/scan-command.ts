/**
 * The one ffmpeg command that decodes a file once and gives all that the scan measures, each on a pipe of its own. Raw frames carry no
 * time, so exact times come beside them; `passthrough` keeps ffmpeg from inventing frames (a file of two frames ten hours apart would
 * otherwise give 52 GB).
 */
import { frameHeight, frameWidth } from './frame-metrics.ts';
import { guardedInput } from './input-guard.ts';
import type { AudioStream, MediaInfo } from './media-info.ts';
import { fitWithin, jpegsTo, printEach, printMarked } from './picture-filters.ts';
import { mixNameless } from './sound-filters.ts';
import { passthrough, quietly } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';

/** File descriptors of the program's outputs. */
export const scanPipe = { frames: 1, frameTimes: 3, pictures: 4, pictureTimes: 5, silence: 6, loudness: 7 } as const;

export interface ScanRules {
  readonly keyframeSpacingSeconds: number;
  readonly keyframePixels: number;
  readonly blackSeconds: number;
  readonly frozenSeconds: number;
  readonly silenceSeconds: number;
  readonly silenceDb: number;
  readonly decodeSecondsMax: number;
}

export interface ScanCommand {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly media: MediaInfo;
  readonly rules: ScanRules;
}

export function scanArguments({ tools, file, media, rules }: ScanCommand): string[] {
  const chains: string[] = [];
  const outputs: string[] = [];
  const asTheyAre = [...passthrough(tools), '-t', String(rules.decodeSecondsMax)];
  if (media.video) {
    chains.push(...videoChains(media.video.index, { tools, rules }));
    outputs.push('-map', '[frames]', ...asTheyAre, '-f', 'rawvideo', `pipe:${scanPipe.frames}`);
    outputs.push('-map', '[pictures]', ...asTheyAre, ...jpegsTo(scanPipe.pictures));
  }
  if (media.audio) {
    chains.push(audioChain(media.audio, { tools, rules }));
    outputs.push('-map', '[sound]', '-t', String(rules.decodeSecondsMax), '-f', 'null', '-');
  }
  return [...quietly(tools), ...guardedInput(file), '-filter_complex', chains.join(';'), ...outputs];
}

const framesTold = 8;

type Made = Pick<ScanCommand, 'tools' | 'rules'>;

function videoChains(index: number, { tools, rules }: Made): string[] {
  const detectors = [
    // The detectors want YUV; 4:4:4 keeps the colour that we measure behind them.
    `scale=${frameWidth}:${frameHeight}:flags=area,format=yuv444p`,
    tools.features.blackdetect ? `blackdetect=d=${rules.blackSeconds}` : '',
    tools.features.freezedetect ? `freezedetect=d=${rules.frozenSeconds}` : '',
    printEach('metadata', scanPipe.frameTimes),
    'format=rgb24',
  ];
  const since = `isnan(prev_selected_t)+gte(t-prev_selected_t,${rules.keyframeSpacingSeconds})`;
  const pictures = [
    `select='${since}'`,
    `${fitWithin(rules.keyframePixels)},format=yuvj420p`,
    printEach('metadata', scanPipe.pictureTimes),
  ];
  return [
    `[0:${index}]split=2[small][large]`,
    `[small]${detectors.filter((filter) => filter !== '').join(',')}[frames]`,
    `[large]${pictures.join(',')}[pictures]`,
  ];
}

function audioChain(audio: AudioStream, { tools, rules }: Made): string {
  const filters = mixNameless(audio, 'stereo');
  if (tools.features.silencedetect) {
    // Printed before ebur128, which regroups frames and loses the ends of silences.
    filters.push(`silencedetect=n=${rules.silenceDb}dB:d=${rules.silenceSeconds}`);
  }
  // The first frames are told of: ebur128 says nothing of sound that ends before its first tenth of a second.
  filters.push(`ametadata=mode=add:key=seen:value=1:enable='lt(n,${framesTold})'`);
  filters.push(printMarked('ametadata', scanPipe.silence), 'ametadata=mode=delete:key=seen');
  if (tools.features.ebur128) {
    filters.push('ebur128=metadata=1:peak=sample+true');
    filters.push(printMarked('ametadata', scanPipe.loudness));
  }
  return `[0:${audio.index}]${filters.join(',')}[sound]`;
}
