/** Step `logline_generator`: one honest sentence, `<name>.logline.txt`. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type from 'typebox';
import { artifactStem } from '../context.ts';
import { defineStep } from '../definition.ts';
import { logline } from '../media/summary.ts';
import { readAnalysis } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const version = '1';

export const loglineGeneratorStep = defineStep({
  name: 'logline_generator',
  version,
  class: 'light',
  priority: 60,
  attemptsMax: 3,
  timeoutMs: 60_000,
  // The summary comes first in the pipeline; the facts come from the scan.
  needs: ['scan_video', 'summarize_scene'],
  params: {},
  paramsSchema: Type.Object({}),
  appliesTo: mayBeMedia,
  async run({ asset, assetName, inputs, scratch, params }) {
    const provenance = { engine: 'holdfast-facts', engineVersion: version, params, inputSha256: asset.id };
    const sentence = logline(await readAnalysis(inputs));
    const name = `${artifactStem(assetName)}.logline.txt`;
    await writeFile(path.join(scratch, name), `${sentence}\n`);
    return {
      kind: 'done',
      output: { ...provenance, method: 'facts', logline: sentence },
      files: [{ name, contentType: 'text/plain; charset=utf-8' }],
    };
  },
});
