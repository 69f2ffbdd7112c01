/** Step `quick_look`: a few pictures from all over the file within seconds, `quick-0001.jpg` …, and which of them to show for it. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type from 'typebox';
import { withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { posterOf, quickPictures } from '../media/quick-pictures.ts';
import { probedMedia } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const paramsSchema = Type.Object({
  picturesMax: Type.Integer({ minimum: 1, maximum: 100 }),
  picturePixels: Type.Integer({ minimum: 16, maximum: 4_096 }),
  /** Looks for no more pictures after this time. */
  secondsMax: Type.Number({ exclusiveMinimum: 0, maximum: 600 }),
});

export const quickLookStep = defineStep({
  name: 'quick_look',
  version: '1',
  class: 'light',
  // Right behind the probe: somebody is waiting to see something.
  priority: 95,
  attemptsMax: 3,
  timeoutMs: 120_000,
  needs: ['probe'],
  params: { picturesMax: 8, picturePixels: 640, secondsMax: 20 },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run({ asset, assetPath, inputs, scratch, params, tools, signal, clock, progress }) {
    if (tools.state === 'missing') return withoutTools(tools);
    const media = probedMedia(inputs);
    if (!media.video) return { kind: 'skipped', reason: 'The file has no moving picture.' };
    const request = { tools, file: assetPath, media, rules: params, signal, clock, progress };
    const pictures = await quickPictures(request, media.video);
    const named = pictures.map((picture, i) => ({ ...picture, name: `quick-${String(i + 1).padStart(4, '0')}.jpg` }));
    for (const { name, jpeg } of named) await writeFile(path.join(scratch, name), jpeg);
    const poster = posterOf(pictures);
    return {
      kind: 'done',
      output: {
        ...{ engine: 'ffmpeg', engineVersion: tools.version, params, inputSha256: asset.id },
        pictures: named.map(({ name, time, detail }) => ({ name, time, detail })),
        poster: poster === null ? null : (named[poster]?.name ?? null),
      },
      files: named.map(({ name }) => ({ name, contentType: 'image/jpeg' })),
    };
  },
});
