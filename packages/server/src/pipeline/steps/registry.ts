/** The steps that Holdfast has, for definitions to use by name: one line per step, in the order of the default pipeline. */
import type { StepDefinition } from '../definition.ts';
import { loglineGeneratorStep } from './logline-generator.ts';
import { probeStep } from './probe.ts';
import { scanVideoStep } from './scan-video.ts';
import { summarizeSceneStep } from './summarize-scene.ts';

export const builtInSteps: readonly StepDefinition[] = [
  probeStep,
  scanVideoStep,
  summarizeSceneStep,
  loglineGeneratorStep,
];
