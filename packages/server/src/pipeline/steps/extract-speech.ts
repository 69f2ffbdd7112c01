/** Step `extract_speech`: the sound as recognisers want it, `speech.flac`, from the original and without denoising. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import Type from 'typebox';
import { PermanentStepError, withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { rounded } from '../media/analysis.ts';
import { chooseChannels, extractSound } from '../speech/extraction.ts';
import { sampleRate } from '../speech/pcm.ts';
import { probedMedia } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

/** Name of the artifact. */
export const speechFile = 'speech.flac';

export const extractSpeechStep = defineStep({
  name: 'extract_speech',
  version: '1',
  class: 'media',
  priority: 55,
  attemptsMax: 5,
  timeoutMs: 6 * 3_600_000,
  needs: ['probe'],
  params: { track: 0, channels: 'auto', secondsMax: 86_400 },
  paramsSchema: Type.Object({
    track: Type.Integer({ minimum: 0, maximum: 63, description: 'Sound track, counted from 0.' }),
    channels: Type.Enum(['auto', 'mix', 'left', 'right']),
    secondsMax: Type.Number({ exclusiveMinimum: 0 }),
  }),
  appliesTo: mayBeMedia,
  async run({ asset, assetPath, inputs, scratch, params, tools, signal, clock, timeoutMs, progress }) {
    if (tools.state === 'missing') return withoutTools(tools);
    const media = probedMedia(inputs);
    const tracks = media.streams.filter((stream) => stream.type === 'audio');
    if (media.audio === null || tracks.length === 0) return { kind: 'skipped', reason: 'The file has no sound.' };
    if (params.track >= tracks.length)
      throw new PermanentStepError(
        `The file has ${tracks.length} sound tracks, and track ${params.track} was asked for; they count from 0.`,
      );
    // Not always the one that players start with.
    const sound = media.audioTracks.find(({ index }) => index === tracks[params.track]?.index) ?? null;
    const request = { tools, file: assetPath, media, ...params, sound, signal, clock, timeoutMs };
    const stereo = sound === null || sound.channels === 2;
    const channels = params.channels === 'auto' ? (stereo ? await chooseChannels(request) : 'mix') : params.channels;
    const file = path.join(scratch, speechFile);
    const seconds = await extractSound(request, {
      file,
      channels,
      onSeconds: (at) => {
        if (media.durationSeconds !== null) progress(at / media.durationSeconds);
      },
    });
    if (seconds === 0) return { kind: 'skipped', reason: 'The sound track has no sound that can be decoded.' };
    const provenance = { engine: 'ffmpeg', engineVersion: tools.version, params, inputSha256: asset.id };
    return {
      kind: 'done',
      output: {
        ...provenance,
        file: speechFile,
        seconds: rounded(seconds),
        sampleRate,
        channels,
        language: sound?.language ?? null,
        bytes: (await stat(file)).size,
      },
      files: [{ name: speechFile, contentType: 'audio/flac' }],
    };
  },
});
