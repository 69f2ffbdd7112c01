/** What happens to every video and sound file unless the configuration says otherwise. */
import { definePipeline } from './definition.ts';
import { cleanTranscriptStep } from './steps/clean-transcript.ts';
import { detectSpeechStep } from './steps/detect-speech.ts';
import { diarizeStep } from './steps/diarize.ts';
import { extractSpeechStep } from './steps/extract-speech.ts';
import { loglineGeneratorStep } from './steps/logline-generator.ts';
import { probeStep } from './steps/probe.ts';
import { readTextStep } from './steps/read-text.ts';
import { scanVideoStep } from './steps/scan-video.ts';
import { summarizeSceneStep } from './steps/summarize-scene.ts';
import { transcribeStep } from './steps/transcribe.ts';

export const defaultPipeline = definePipeline({
  name: 'media',
  version: '2',
  steps: [
    probeStep,
    scanVideoStep,
    extractSpeechStep,
    detectSpeechStep,
    diarizeStep,
    transcribeStep,
    cleanTranscriptStep,
    readTextStep,
    summarizeSceneStep,
    loglineGeneratorStep,
  ],
});
