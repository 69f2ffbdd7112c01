/** Step `summarize_scene`: puts the measured facts into words, `<name>.summary.json`. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type from 'typebox';
import { artifactStem } from '../context.ts';
import { defineStep } from '../definition.ts';
import { summarize } from '../media/summary.ts';
import { readAnalysis } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const version = '1';

export const summarizeSceneStep = defineStep({
  name: 'summarize_scene',
  version,
  class: 'light',
  priority: 60,
  attemptsMax: 3,
  timeoutMs: 60_000,
  needs: ['scan_video'],
  params: {},
  paramsSchema: Type.Object({}),
  appliesTo: mayBeMedia,
  async run({ asset, assetName, inputs, scratch, params }) {
    const analysis = await readAnalysis(inputs);
    const provenance = { engine: 'holdfast-facts', engineVersion: version, params, inputSha256: asset.id };
    const { kind, ...summary } = summarize(analysis);
    const name = `${artifactStem(assetName)}.summary.json`;
    await writeFile(path.join(scratch, name), `${JSON.stringify({ kind, ...provenance, ...summary }, null, 2)}\n`);
    return {
      kind: 'done',
      output: {
        ...provenance,
        summary: name,
        method: summary.method,
        text: summary.text,
        scenes: summary.scenes.length,
      },
      files: [{ name, contentType: 'application/json' }],
    };
  },
});
