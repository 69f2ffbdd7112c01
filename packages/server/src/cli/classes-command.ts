/** `holdfast classes`: how many steps of each class run and may run, and pausing one. */
import { Class, ClassList } from '@holdfast/protocol';
import type { Command } from 'commander';
import { type CliIo, exitCodesHelp } from './io.ts';
import { classLines } from './runs-text.ts';
import { addTo, clientOf, type ServerOptions, serverCommand, show } from './server-command.ts';

export function registerClasses(program: Command, io: CliIo): void {
  const group = program
    .command('classes')
    .description('Concurrency classes of steps: how many run and may run; pausing one.')
    .addHelpText('after', exitCodesHelp);
  const list = serverCommand('list', 'Classes with their limits, what runs, what is due.').action(
    (options: ServerOptions) => listClasses(options, io),
  );
  const pause = serverCommand('pause', 'Nothing of the class starts any more, on any node; what runs may finish.')
    .argument('<name>', 'name of a class')
    .action((name: string, options: ServerOptions) => change(name, 'pause', { options, io }));
  const resume = serverCommand('resume', 'Steps of the class start again.')
    .argument('<name>', 'name of a class')
    .action((name: string, options: ServerOptions) => change(name, 'resume', { options, io }));
  addTo(group, list, true);
  for (const command of [pause, resume]) addTo(group, command);
}

async function listClasses(options: ServerOptions, io: CliIo): Promise<void> {
  const answer = await clientOf(options, io).ask<ClassList>('GET', '/v1/classes', { answer: ClassList });
  show({ options, io }, answer, classLines(answer.items));
}

async function change(
  name: string,
  what: 'pause' | 'resume',
  to: { readonly options: ServerOptions; readonly io: CliIo },
): Promise<void> {
  const path = `/v1/classes/${encodeURIComponent(name)}/${what}`;
  const answer = await clientOf(to.options, to.io).ask<Class>('POST', path, { answer: Class });
  show(to, answer, classLines([answer]));
}
