/** `holdfast runs`: what was processed, what became of it, and doing it again or stopping it. */
import {
  type Artifact,
  AttemptList,
  errorClasses,
  Retried,
  Run,
  RunList,
  RunSummary,
  runStates,
} from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp } from './io.ts';
import { runLines, runListLines, summaryLine } from './runs-text.ts';
import { addTo, clientOf, limitOption, queryOf, type ServerOptions, serverCommand, show } from './server-command.ts';
import { sinceTime } from './since.ts';

const pageMax = 200;

interface ListOptions extends ServerOptions {
  readonly since?: string;
  readonly state?: string;
  readonly pipeline?: string;
  readonly mine?: boolean;
  readonly limit: number;
}

interface RetryOptions extends ServerOptions {
  readonly all?: boolean;
  readonly step?: string;
  readonly pipeline?: string;
  readonly errorClass?: string;
  readonly reason?: string;
  readonly since?: string;
}

export const sinceHelp = 'from then on: 30m, 12h, 7d, 2w or a date';

export function registerRuns(program: Command, io: CliIo): void {
  const group = program
    .command('runs')
    .description('What was processed, what failed and why; trying again and cancelling.')
    .addHelpText(
      'after',
      `
Examples:
  holdfast runs --since 7d                     what was processed last week
  holdfast runs --state failed                 what failed, and why
  holdfast runs show 3f0c…                     one run: steps, attempts, standard error, artifacts
  holdfast runs retry 3f0c…                    what did not succeed in one run
  holdfast runs retry --step probe --reason "no space"
  holdfast runs retry --all
  holdfast runs cancel 3f0c…
${exitCodesHelp}`,
    );
  const list = serverCommand('list', 'Runs, the newest first, with how many ended.')
    .option('--since <time>', `${sinceHelp} (default for the summary: 7d)`)
    .addOption(new Option('--state <state>', 'only these').choices([...runStates]))
    .option('--pipeline <name>', 'only of this pipeline')
    .option('--mine', 'only on my own assets, although I am an administrator')
    .addOption(limitOption(50))
    .action((options: ListOptions) => listRuns(options, io));
  const one = serverCommand('show', 'One run: steps, attempts with standard error, artifacts.')
    .argument('<id>', 'id of a run')
    .action((id: string, options: ServerOptions) => showRun(id, options, io));
  const retry = serverCommand('retry', 'Do again what did not succeed: of one run, of a kind, or all that failed.')
    .argument('[id]', 'id of a run: its failed, cancelled and skipped steps')
    .option('--all', 'every failed step')
    .option('--step <name>', 'failed steps of this name')
    .option('--pipeline <name>', 'failed steps of this pipeline')
    .addOption(new Option('--error-class <class>', 'failed in this way').choices([...errorClasses]))
    .option('--reason <text>', 'the reason contains this, whatever its case')
    .option('--since <time>', `failed ${sinceHelp}`)
    .action((id: string | undefined, options: RetryOptions) => retryRuns(id, options, io));
  const cancel = serverCommand('cancel', 'Cancel a run; comes back when nothing of it runs any more.')
    .argument('<id>', 'id of a run')
    .action((id: string, options: ServerOptions) => cancelRun(id, options, io));
  addTo(group, list, true);
  for (const command of [one, retry, cancel]) addTo(group, command);
}

async function listRuns(options: ListOptions, io: CliIo): Promise<void> {
  const api = clientOf(options, io);
  const now = Date.now();
  const since = options.since === undefined ? undefined : sinceTime(options.since, now);
  const scope = options.mine === true ? 'own' : undefined;
  const summary = await api.ask<RunSummary>('GET', `/v1/runs/summary${queryOf({ since, scope })}`, {
    answer: RunSummary,
  });
  const items: Run[] = [];
  const { state, pipeline } = options;
  for (let cursor: string | undefined, more = true; more && items.length < options.limit; ) {
    const limit = Math.min(pageMax, options.limit - items.length);
    const query = queryOf({ since, scope, state, pipeline, limit, cursor });
    const page: RunList = await api.ask('GET', `/v1/runs${query}`, { answer: RunList });
    items.push(...page.items);
    more = page.cursor !== null;
    cursor = page.cursor ?? undefined;
  }
  show({ options, io }, { summary, items }, [summaryLine(summary), '', ...runListLines(items, now)]);
}

async function showRun(id: string, options: ServerOptions, io: CliIo): Promise<void> {
  const api = clientOf(options, io);
  const path = `/v1/runs/${encodeURIComponent(id)}`;
  const run = await api.ask<Run>('GET', path, { answer: Run });
  const attempts = (await api.ask<AttemptList>('GET', `${path}/attempts`, { answer: AttemptList })).items;
  // An administrator sees runs of others, and their files are theirs.
  const artifacts = await api.artifacts(run.assetId).catch((): Artifact[] => []);
  show({ options, io }, { run, attempts, artifacts }, runLines({ run, attempts, artifacts }, Date.now()));
}

async function retryRuns(id: string | undefined, options: RetryOptions, io: CliIo): Promise<void> {
  const { all, step, pipeline, errorClass, reason, since } = options;
  const some = [step, pipeline, errorClass, reason, since].some((one) => one !== undefined);
  if ([id !== undefined, all === true, some].filter(Boolean).length !== 1) {
    const what =
      'Say what to do again: the id of a run; or --step, --pipeline, --error-class, --reason, --since, several of them; or --all.';
    throw new CommandFailed(what, exitCodes.usage);
  }
  const api = clientOf(options, io);
  if (id !== undefined) {
    const run = await api.ask<Run>('POST', `/v1/runs/${encodeURIComponent(id)}/retry`, { answer: Run });
    const words = run.state === 'running' ? `Run ${run.id} goes on.` : `Nothing to do again: the run is ${run.state}.`;
    return show({ options, io }, run, [words]);
  }
  const order = { all, step, pipeline, errorClass, reason };
  const from = since === undefined ? {} : { since: sinceTime(since, Date.now()) };
  const result = await api.ask<Retried>('POST', '/v1/runs/retry', {
    answer: Retried,
    body: { ...order, ...from },
  });
  const { retried } = result;
  const words =
    retried === 0
      ? 'Nothing to do again.'
      : `${retried} failed ${retried === 1 ? 'step' : 'steps'} to be done again now.`;
  show({ options, io }, result, [words]);
}

async function cancelRun(id: string, options: ServerOptions, io: CliIo): Promise<void> {
  const api = clientOf(options, io);
  const run = await api.ask<Run>('POST', `/v1/runs/${encodeURIComponent(id)}/cancel?wait=60`, { answer: Run });
  const running = run.steps.filter((step) => step.state === 'running').map((step) => step.name);
  const words = {
    cancelled: `Run ${run.id} is cancelled; nothing of it runs any more.`,
    running: `Run ${run.id} is being cancelled; ${running.join(', ')} has not let go yet.`,
    succeeded: `Run ${run.id} had succeeded already.`,
    failed: `Run ${run.id} had failed already.`,
  };
  show({ options, io }, run, [words[run.state]]);
  if (run.state === 'running') throw new CommandFailed('', exitCodes.failed);
}
