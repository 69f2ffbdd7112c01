/** Step `probe`: what the file says that it is. */
import Type from 'typebox';
import { withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { probeFile } from '../media/probe.ts';
import { mayBeMedia, refuseEmpty } from './media-assets.ts';

export const probeStep = defineStep({
  name: 'probe',
  version: '2',
  class: 'light',
  priority: 100,
  attemptsMax: 3,
  timeoutMs: 180_000,
  needs: [],
  params: {},
  paramsSchema: Type.Object({}),
  appliesTo: mayBeMedia,
  async run({ asset, assetPath, tools, signal, clock, params }) {
    refuseEmpty(asset);
    if (tools.state === 'missing') return withoutTools(tools);
    const media = await probeFile({ tools, file: assetPath, signal, clock });
    const provenance = { engine: 'ffprobe', engineVersion: tools.probeVersion, params, inputSha256: asset.id };
    return { kind: 'done', output: { ...provenance, media }, files: [] };
  },
});
