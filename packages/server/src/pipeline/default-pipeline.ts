/** What happens to every video and sound file unless the configuration says otherwise. */
import { definePipeline } from './definition.ts';
import { loglineGeneratorStep } from './steps/logline-generator.ts';
import { probeStep } from './steps/probe.ts';
import { scanVideoStep } from './steps/scan-video.ts';
import { summarizeSceneStep } from './steps/summarize-scene.ts';

export const defaultPipeline = definePipeline({
  name: 'media',
  version: '1',
  steps: [probeStep, scanVideoStep, summarizeSceneStep, loglineGeneratorStep],
});
