/** The chain of steps that the killed node and its successor share. */
import type { StepContext } from '../src/pipeline/context.ts';
import type { StepDefinition } from '../src/pipeline/definition.ts';
import { testStep } from './pipeline-bench.ts';

export function chain(log: string, workOfTwo?: (context: StepContext) => Promise<unknown>): StepDefinition[] {
  return [
    testStep('one', log),
    testStep('two', log, { needs: ['one'], class: 'media', ...(workOfTwo ? { work: workOfTwo } : {}) }),
    testStep('three', log, { needs: ['two'] }),
  ];
}
