/** Step `logline_generator`: one honest sentence, `<name>.logline.txt`. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type from 'typebox';
import { artifactStem } from '../context.ts';
import { defineStep } from '../definition.ts';
import { logline } from '../media/logline.ts';
import type { Summary } from '../media/summary.ts';
import { readAnalysis, readJson } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const version = '2';

export const loglineGeneratorStep = defineStep({
  name: 'logline_generator',
  version,
  class: 'light',
  priority: 60,
  attemptsMax: 3,
  timeoutMs: 60_000,
  // The summary has what was said and read; the facts come from the scan.
  needs: ['scan_video', 'summarize_scene'],
  params: {},
  paramsSchema: Type.Object({}),
  appliesTo: mayBeMedia,
  async run({ asset, assetName, inputs, scratch, params }) {
    const provenance = { engine: 'holdfast-facts', engineVersion: version, params, inputSha256: asset.id };
    const { chat, keyPhrases, onScreenTitle, method } = await readJson<Summary>(inputs, 'summarize_scene', 'summary');
    const own = logline(await readAnalysis(inputs), { keyPhrases, title: onScreenTitle });
    const sentence = chat?.logline ?? own;
    const name = `${artifactStem(assetName)}.logline.txt`;
    await writeFile(path.join(scratch, name), `${sentence}\n`);
    return {
      kind: 'done',
      output: { ...provenance, method, logline: sentence, ...(chat === null ? {} : { model: chat.model }) },
      files: [{ name, contentType: 'text/plain; charset=utf-8' }],
    };
  },
});
