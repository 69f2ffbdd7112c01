/** What happens to every video and sound file unless the configuration says otherwise. */
import { definePipeline } from './definition.ts';
import { contactSheetStep } from './steps/contact-sheet.ts';
import { loglineGeneratorStep } from './steps/logline-generator.ts';
import { probeStep } from './steps/probe.ts';
import { quickLookStep } from './steps/quick-look.ts';
import { scanVideoStep } from './steps/scan-video.ts';
import { storyboardStep } from './steps/storyboard.ts';
import { summarizeSceneStep } from './steps/summarize-scene.ts';
import { waveformStep } from './steps/waveform.ts';
import { webRenditionStep } from './steps/web-rendition.ts';

export const defaultPipeline = definePipeline({
  name: 'media',
  version: '1',
  steps: [
    probeStep,
    quickLookStep,
    waveformStep,
    scanVideoStep,
    contactSheetStep,
    storyboardStep,
    summarizeSceneStep,
    loglineGeneratorStep,
    webRenditionStep,
  ],
});
