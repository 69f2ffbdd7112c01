/** The setting of several processes on one machine, as part of the schema. */
import { availableParallelism } from 'node:os';
import { Type } from 'typebox';

export const processesMax = 64;

export const processSettings = {
  processes: Type.Union([Type.Integer({ minimum: 1, maximum: processesMax }), Type.Literal('auto')], {
    default: 1,
    description:
      'Processes that take requests on this machine, over one folder: a number, or auto for as many as there are cores. See docs/processes.md.',
  }),
};

export function processCount(setting: number | 'auto'): number {
  return setting === 'auto' ? Math.min(availableParallelism(), processesMax) : setting;
}
