/** A node that one file kills: `node poison-child.ts <dir> <asset id>`. */
import { fileURLToPath } from 'node:url';
import type { StepDefinition } from '../src/pipeline/definition.ts';
import { Bench, testStep } from './pipeline-bench.ts';

/** One step, which kills its own process when it meets the asset. */
export function poisonSteps(log: string, poison: string | null): StepDefinition[] {
  const work = async ({ asset }: { readonly asset: { readonly id: string } }) => {
    if (asset.id === poison) process.kill(process.pid, 'SIGKILL');
  };
  return [testStep('only', log, { class: 'media', work })];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [dir = '', poison = ''] = process.argv.slice(2);
  const bench = await Bench.open(dir);
  await bench.runner(poisonSteps(bench.log, poison)).start();
  // Timers of the runner do not keep a process alive; a server's sockets do.
  setInterval(() => {}, 1_000);
}
