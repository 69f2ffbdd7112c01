/** Step `waveform`: `waveform.json` in the format of BBC audiowaveform. Sound only, so it is there long before the scan is done. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type from 'typebox';
import { withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { measureWaveform } from '../media/waveform.ts';
import { probedMedia } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const name = 'waveform.json';
const paramsSchema = Type.Object({
  pointsPerSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1_000 }),
  /** Neighbours are joined beyond this: half as many points per second, then a quarter … */
  pointsMax: Type.Integer({ minimum: 100, maximum: 1_000_000 }),
  decodeSecondsMax: Type.Number({ exclusiveMinimum: 0 }),
});

export const waveformStep = defineStep({
  name: 'waveform',
  version: '1',
  class: 'light',
  priority: 80,
  attemptsMax: 3,
  timeoutMs: 2 * 3_600_000,
  needs: ['probe'],
  // 10 h: 720,000 points are halved four times; the file stays below 400 kB.
  params: { pointsPerSecond: 20, pointsMax: 48_000, decodeSecondsMax: 86_400 },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run({ asset, assetPath, inputs, scratch, params, tools, signal, clock, timeoutMs, progress }) {
    if (tools.state === 'missing') return withoutTools(tools);
    if (!tools.features.astats)
      return { kind: 'skipped', reason: 'This ffmpeg has no filter astats: a full build of ffmpeg has it.' };
    const media = probedMedia(inputs);
    if (!media.audio) return { kind: 'skipped', reason: 'The file has no sound.' };
    const request = { tools, file: assetPath, media, rules: params, signal, clock, timeoutMs, progress };
    const waveform = await measureWaveform(request, media.audio);
    await writeFile(path.join(scratch, name), JSON.stringify(waveform));
    const { length, sample_rate, samples_per_pixel } = waveform;
    return {
      kind: 'done',
      output: {
        ...{ engine: 'ffmpeg', engineVersion: tools.version, params, inputSha256: asset.id },
        ...{ waveform: name, points: length, pointsPerSecond: sample_rate / samples_per_pixel },
      },
      files: [{ name, contentType: 'application/json' }],
    };
  },
});
