/** A process that prints what a walk over a folder tells: `folder`. */
import { walk } from '../src/watch/walk.ts';

const [, , root = ''] = process.argv;
const options = { root, inode: '1:1', recursive: true, skips: () => false, stopped: () => false };
const told: unknown[] = [];
for await (const step of walk(options)) {
  if (step.kind === 'files') told.push([step.dir, step.files.map(({ name }) => name)]);
  else told.push(step.kind === 'unreadable' ? step : step.dir);
}
console.log(JSON.stringify(told));
