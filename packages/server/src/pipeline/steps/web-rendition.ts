/** Step `web_rendition`: `rendition.mp4` or `rendition.m4a` when browsers cannot play the original, and only then. */
import { open } from 'node:fs/promises';
import Type from 'typebox';
import { withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { makeRendition } from '../media/rendition.ts';
import { planRendition } from '../media/rendition-plan.ts';
import { probedMedia } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const paramsSchema = Type.Object({
  /** `never` switches the step off. */
  when: Type.Union([Type.Literal('needed'), Type.Literal('never')]),
  shortSideMax: Type.Integer({ minimum: 144, maximum: 2_160 }),
  crf: Type.Integer({ minimum: 15, maximum: 40 }),
  preset: Type.Union([
    Type.Literal('ultrafast'),
    Type.Literal('veryfast'),
    Type.Literal('fast'),
    Type.Literal('medium'),
    Type.Literal('slow'),
  ]),
  audioKbps: Type.Integer({ minimum: 32, maximum: 320 }),
  bytesMax: Type.Integer({ minimum: 1 }),
  decodeSecondsMax: Type.Number({ exclusiveMinimum: 0 }),
});

export const webRenditionStep = defineStep({
  name: 'web_rendition',
  version: '1',
  // A class of its own: hours of encoding must not keep other files from being looked at.
  class: 'rendition',
  priority: 5,
  attemptsMax: 3,
  timeoutMs: 24 * 3_600_000,
  needs: ['probe'],
  params: {
    when: 'needed',
    shortSideMax: 1_080,
    crf: 23,
    preset: 'veryfast',
    audioKbps: 160,
    bytesMax: 64 * 1024 ** 3,
    decodeSecondsMax: 86_400,
  },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run({ asset, assetPath, inputs, scratch, params, tools, signal, clock, timeoutMs, progress }) {
    if (params.when === 'never') return { kind: 'skipped', reason: 'Switched off by the parameter when: never.' };
    if (tools.state === 'missing') return withoutTools(tools);
    const media = probedMedia(inputs);
    const plan = planRendition(media, await saysWebm(assetPath));
    if (plan.kind === 'not-needed') return { kind: 'skipped', reason: plan.reason };
    const lacking = [
      plan.video === 'encode' && !tools.features.libx264 && 'libx264',
      plan.audio === 'encode' && !tools.features.aac && 'aac',
    ];
    const encoder = lacking.find((name) => name !== false);
    if (encoder !== undefined) {
      return {
        kind: 'skipped',
        reason: `${plan.reason} This ffmpeg has no encoder ${encoder}: install a full build (Debian: apt install ffmpeg).`,
      };
    }
    const request = { tools, file: assetPath, sizeBytes: asset.size, media, plan, rules: params, folder: scratch };
    const made = await makeRendition({ ...request, signal, clock, timeoutMs, progress });
    const contentType = plan.video ? 'video/mp4' : 'audio/mp4';
    return {
      kind: 'done',
      output: {
        ...{ engine: 'ffmpeg', engineVersion: tools.version, params, inputSha256: asset.id },
        ...{ rendition: plan.name, reason: plan.reason, video: plan.video, audio: plan.audio, ...made },
      },
      files: [{ name: plan.name, contentType }],
    };
  },
});

/** The head of an EBML file names its DocType (RFC 8794 §11.2.5): element 0x4282. */
async function saysWebm(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const head = Buffer.alloc(256);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    const at = head.subarray(0, bytesRead).indexOf(Buffer.from([0x42, 0x82]));
    return at !== -1 && head.subarray(at + 3, at + 7).toString('latin1') === 'webm';
  } finally {
    await handle.close();
  }
}
