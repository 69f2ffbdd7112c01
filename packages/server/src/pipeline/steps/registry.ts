/** The steps that Holdfast has, for definitions to use by name: one line per step, in the order of the default pipeline. */
import type { StepDefinition } from '../definition.ts';
import { cleanTranscriptStep } from './clean-transcript.ts';
import { contactSheetStep } from './contact-sheet.ts';
import { detectSpeechStep } from './detect-speech.ts';
import { diarizeStep } from './diarize.ts';
import { extractSpeechStep } from './extract-speech.ts';
import { loglineGeneratorStep } from './logline-generator.ts';
import { probeStep } from './probe.ts';
import { quickLookStep } from './quick-look.ts';
import { readTextStep } from './read-text.ts';
import { scanVideoStep } from './scan-video.ts';
import { storyboardStep } from './storyboard.ts';
import { summarizeSceneStep } from './summarize-scene.ts';
import { transcribeStep } from './transcribe.ts';
import { waveformStep } from './waveform.ts';
import { webRenditionStep } from './web-rendition.ts';

export const builtInSteps: readonly StepDefinition[] = [
  probeStep,
  quickLookStep,
  waveformStep,
  scanVideoStep,
  contactSheetStep,
  storyboardStep,
  extractSpeechStep,
  detectSpeechStep,
  diarizeStep,
  transcribeStep,
  cleanTranscriptStep,
  readTextStep,
  summarizeSceneStep,
  loglineGeneratorStep,
  webRenditionStep,
];
