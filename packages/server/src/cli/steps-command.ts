/** `holdfast steps`: what runs, what waits and why, what failed and why, how long it takes. */
import {
  AttemptList,
  DurationList,
  errorClasses,
  FailureGroupList,
  PlacedStep,
  PlacedStepList,
} from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp } from './io.ts';
import { sinceHelp } from './runs-command.ts';
import {
  attemptLines,
  durationLines,
  failedLines,
  failureGroupLines,
  runningLines,
  waitingLines,
} from './runs-text.ts';
import { addTo, clientOf, limitOption, queryOf, type ServerOptions, serverCommand, show } from './server-command.ts';
import { sinceTime } from './since.ts';

interface ListOptions extends ServerOptions {
  readonly limit: number;
}

interface FailedOptions extends ListOptions {
  readonly step?: string;
  readonly pipeline?: string;
  readonly errorClass?: string;
  readonly reason?: string;
  readonly since?: string;
}

export function registerSteps(program: Command, io: CliIo): void {
  const group = program
    .command('steps')
    .description('What runs now, what waits and why, what failed and why, how long steps take.')
    .addHelpText('after', exitCodesHelp);
  const now = serverCommand('list', 'What runs now with its progress, and what waits for what.')
    .addOption(limitOption(50))
    .action((options: ListOptions) => list(options, io));
  const failed = serverCommand('failed', 'Failed steps, grouped by reason and one by one.')
    .option('--step <name>', 'only steps of this name')
    .option('--pipeline <name>', 'only of this pipeline')
    .addOption(new Option('--error-class <class>', 'only failed in this way').choices([...errorClasses]))
    .option('--reason <text>', 'the reason contains this, whatever its case')
    .option('--since <time>', `failed ${sinceHelp}`)
    .addOption(limitOption(50))
    .action((options: FailedOptions) => listFailed(options, io));
  const times = serverCommand('times', 'How long steps take: median, 95th percentile, longest, sum, and waiting.')
    .option('--since <time>', sinceHelp, '7d')
    .option('--step <name>', 'only steps of this name')
    .action((options: ServerOptions & { since: string; step?: string }) => durations(options, io));
  const log = serverCommand('log', 'Every attempt of a step with what it logged and wrote to standard error.')
    .argument('<key>', 'key of a step, as in "runs show"')
    .action((key: string, options: ServerOptions) => showLog(key, options, io));
  const retry = serverCommand('retry', 'Do a step again, with what it needs that did not succeed.')
    .argument('<key>', 'key of a step')
    .action((key: string, options: ServerOptions) => act(key, 'retry', { options, io }));
  const cancel = serverCommand('cancel', 'Cancel a step and what needs it; comes back when it does not run any more.')
    .argument('<key>', 'key of a step')
    .action((key: string, options: ServerOptions) => act(key, 'cancel', { options, io }));
  addTo(group, now, true);
  for (const command of [failed, times, log, retry, cancel]) addTo(group, command);
}

async function list(options: ListOptions, io: CliIo): Promise<void> {
  const api = clientOf(options, io);
  const limit = Math.min(options.limit, 200);
  const stepsIn = (state: string) =>
    api.ask<PlacedStepList>('GET', `/v1/steps${queryOf({ state, limit })}`, { answer: PlacedStepList });
  const running = await stepsIn('running');
  const waiting = await stepsIn('waiting');
  const value = { running: running.items, waiting: waiting.items };
  show({ options, io }, value, [...runningLines(running.items, Date.now()), '', ...waitingLines(waiting.items)]);
}

async function listFailed(options: FailedOptions, io: CliIo): Promise<void> {
  const api = clientOf(options, io);
  const { step, pipeline, errorClass, reason } = options;
  const since = options.since === undefined ? undefined : sinceTime(options.since, Date.now());
  const which = { step, pipeline, errorClass, reason, since };
  const groups = await api.ask<FailureGroupList>('GET', `/v1/steps/failures${queryOf(which)}`, {
    answer: FailureGroupList,
  });
  const limit = Math.min(options.limit, 200);
  const query = queryOf({ ...which, state: 'failed', limit });
  const steps = await api.ask<PlacedStepList>('GET', `/v1/steps${query}`, { answer: PlacedStepList });
  const lines = [
    ...failureGroupLines(groups.items),
    ...(steps.items.length === 0 ? [] : ['', ...failedLines(steps.items)]),
  ];
  show({ options, io }, { groups: groups.items, steps: steps.items }, lines);
}

async function durations(options: ServerOptions & { since: string; step?: string }, io: CliIo): Promise<void> {
  const query = queryOf({ since: sinceTime(options.since, Date.now()), step: options.step });
  const answer = await clientOf(options, io).ask<DurationList>('GET', `/v1/steps/durations${query}`, {
    answer: DurationList,
  });
  show({ options, io }, answer, durationLines(answer.items));
}

async function showLog(key: string, options: ServerOptions, io: CliIo): Promise<void> {
  const path = `/v1/steps/${encodeURIComponent(key)}/attempts`;
  const answer = await clientOf(options, io).ask<AttemptList>('GET', path, { answer: AttemptList });
  const lines = answer.items.flatMap((attempt) => attemptLines(attempt, Date.now()));
  show({ options, io }, answer, lines.length === 0 ? ['It has not been attempted yet.'] : lines);
}

async function act(
  key: string,
  what: 'retry' | 'cancel',
  to: { readonly options: ServerOptions; readonly io: CliIo },
): Promise<void> {
  const query = what === 'cancel' ? '?wait=60' : '';
  const path = `/v1/steps/${encodeURIComponent(key)}/${what}${query}`;
  const step = await clientOf(to.options, to.io).ask<PlacedStep>('POST', path, { answer: PlacedStep });
  const late = what === 'cancel' && step.state === 'running';
  show(to, step, [`Step ${step.name} is ${late ? 'being cancelled and has not let go yet' : step.state}.`]);
  if (late) throw new CommandFailed('', exitCodes.failed);
}
