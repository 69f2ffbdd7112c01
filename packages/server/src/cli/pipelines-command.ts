/** `holdfast pipelines`: definitions checked and shown; what they would do over the library, and doing it. */
import type { ApplyPipelines, Pipeline, PipelinePlan, PlanPipelines } from '@holdfast/protocol';
import { Command } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import { loadDefinitions } from '../pipeline/definitions/load-definitions.ts';
import { ApiClient, defaultServer, serverAccess } from './api-client.ts';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp, printLine, printWords } from './io.ts';
import { readDefinitionFiles, surroundings } from './pipeline-definitions.ts';
import { PlanSummary, pipelineLines, plannedRunLines } from './pipelines-text.ts';
import { readConfig } from './read-config.ts';
import { sinceTime } from './since.ts';

interface Access {
  readonly server?: string;
  readonly apiKey?: string;
  readonly json?: boolean;
}

interface Choice extends Access {
  readonly asset?: string;
  readonly since?: string;
  readonly all?: boolean;
  readonly pipeline?: string;
  readonly each?: boolean;
}

const fileHelp = 'definition file, or a folder of them';

export function registerPipelines(program: Command, io: CliIo): void {
  const group = program
    .command('pipelines')
    .description('Definitions of what happens to assets: check them, show them, plan and apply them to the library.')
    .addHelpText('after', exitCodesHelp);
  const add = (name: string, description: string): Command => {
    const command = new Command(name)
      .description(description)
      .option('--json', 'the answer as JSON')
      .addHelpText('after', exitCodesHelp);
    // Takes over how the program ends and prints: subcommands that are made apart do not inherit it.
    group.addCommand(command.copyInheritedSettings(group));
    return command;
  };
  const asking = (command: Command): Command =>
    command
      .option('--server <url>', `the server (default: HOLDFAST_SERVER or ${defaultServer})`)
      .option('--api-key <key>', 'credentials of an administrator (default: HOLDFAST_API_KEY)');
  const choosing = (command: Command): Command =>
    asking(command)
      .option('--asset <id>', 'one asset')
      .option('--since <time>', 'assets that came in since then: 30m, 12h, 7d, 2w or a date')
      .option('--all', 'the whole library')
      .option('--pipeline <name>', 'only this pipeline')
      .option('--each', 'tell every asset, not only the sums');
  add(
    'check',
    'Check definitions, without a server and with the settings of HOLDFAST_CONFIG: every mistake with file, line and column.',
  )
    .argument('<file>', fileHelp)
    .action((file: string, options: Access) => check(file, options, io));
  asking(add('show', 'What the server runs, or what a file says.'))
    .argument('[file]', fileHelp)
    .action((file: string | undefined, options: Access) => show(file, options, io));
  choosing(add('plan', 'What would run over the library and why, by the server’s definitions or by those of a file.'))
    .argument('[file]', fileHelp)
    .action((file: string | undefined, options: Choice) => plan(file, options, io));
  choosing(add('apply', 'Start what a plan says. Without --yes it is a plan. Safe to interrupt and to repeat.'))
    .option('--yes', 'start the runs')
    .action((options: Choice & { yes?: boolean }) => apply(options, io));
}

async function check(file: string, options: Access, io: CliIo): Promise<void> {
  try {
    const pipelines = await local(file, io);
    const steps = pipelines.reduce((sum, pipeline) => sum + pipeline.steps.length, 0);
    const value = { ok: true, pipelines: pipelines.map(({ name, version }) => ({ name, version })) };
    const names = pipelines.map((pipeline) => pipeline.name).join(', ');
    print({ options, io }, value, [`${file}: fine. ${pipelines.length} pipelines (${names}) with ${steps} steps.`]);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const problems = error.details['problems'] ?? [];
    if (options.json === true)
      printLine(io.stdout, JSON.stringify({ ok: false, message: error.message, problems }, null, 2));
    throw new CommandFailed(options.json === true ? '' : error.message, exitCodes.failed);
  }
}

async function show(file: string | undefined, options: Access, io: CliIo): Promise<void> {
  const items = file === undefined ? await client(options, io).pipelines() : await local(file, io);
  print({ options, io }, { items }, pipelineLines(items));
}

async function plan(file: string | undefined, options: Choice, io: CliIo): Promise<void> {
  const order: PlanPipelines = selection(options);
  const files = file === undefined ? {} : { files: await readDefinitionFiles(file) };
  const api = client(options, io);
  await walk((cursor) => api.planPipelines({ ...order, ...files, ...cursor }), { options, io, doing: 'looked at' });
}

async function apply(options: Choice & { readonly yes?: boolean }, io: CliIo): Promise<void> {
  const order = selection(options);
  const api = client(options, io);
  if (options.yes === true) {
    await walk((cursor) => api.applyPipelines({ ...order, ...cursor }), { options, io, doing: 'started' });
    return;
  }
  const { runs } = await walk((cursor) => api.planPipelines({ ...order, ...cursor }), {
    options,
    io,
    doing: 'looked at',
  });
  if (runs > 0) printLine(io.stderr, 'Nothing was started: this is the plan. Start it with --yes.');
}

interface Walk {
  readonly options: Choice;
  readonly io: CliIo;
  readonly doing: 'looked at' | 'started';
}

/** Page after page, so that no library is too large. */
async function walk(page: (from: { cursor?: string }) => Promise<PipelinePlan>, to: Walk): Promise<PlanSummary> {
  const { options, io, doing } = to;
  const summary = new PlanSummary();
  const each = options.each === true || options.asset !== undefined;
  try {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const found: PipelinePlan = await page(cursor === '' ? {} : { cursor });
      cursor = found.cursor;
      summary.add(found);
      for (const item of each ? found.items : []) {
        if (options.json === true) printLine(io.stdout, JSON.stringify({ event: 'run', ...item }));
        else for (const line of plannedRunLines(item)) printWords(io.stdout, line);
      }
      if (cursor !== null) progress(summary, io, doing);
    }
  } catch (error) {
    if (io.signal.aborted && doing === 'started')
      throw new CommandFailed(
        `interrupted; ${summary.runs} runs were started. Say it again to go on.`,
        exitCodes.interrupted,
      );
    throw error;
  }
  if (io.isTTY) io.stderr.write('\r\u001b[K');
  if (options.json === true) printLine(io.stdout, JSON.stringify({ event: 'summary', ...summary.json() }));
  else for (const line of lines(summary, doing)) printWords(io.stdout, line);
  return summary;
}

function progress(summary: PlanSummary, io: CliIo, doing: Walk['doing']): void {
  const words = `${summary.looked} assets looked at${doing === 'started' ? `, ${summary.runs} runs started` : ''}`;
  if (io.isTTY) io.stderr.write(`\r\u001b[K${words}`);
  else if (summary.looked % 1_000 < 100) printLine(io.stderr, words);
}

function lines(summary: PlanSummary, doing: Walk['doing']): string[] {
  return doing === 'started' ? summary.lines().map((line) => line.replace('to start:', 'started:')) : summary.lines();
}

function selection({ asset, since, all, pipeline }: Choice): ApplyPipelines {
  if ([asset !== undefined, since !== undefined, all === true].filter(Boolean).length !== 1)
    throw new CommandFailed('Say which assets: --asset <id>, --since <time> or --all.', exitCodes.usage);
  if (asset !== undefined && !/^[0-9a-f]{64}$/.test(asset))
    throw new CommandFailed(`"${asset}" is not the id of an asset: 64 hexadecimal digits.`, exitCodes.usage);
  return {
    ...(asset === undefined ? {} : { assetId: asset }),
    ...(since === undefined ? {} : { since: sinceTime(since, Date.now()) }),
    ...(pipeline === undefined ? {} : { pipeline }),
  };
}

/** What the files say on this machine, in the form of the API. */
async function local(file: string, io: CliIo): Promise<Pipeline[]> {
  const { pipelines } = loadDefinitions(
    await readDefinitionFiles(file),
    await surroundings(await readConfig({ file: undefined, env: io.env, flags: {} }), io.env),
  );
  return pipelines.map(({ name, version, applies, steps }) => ({
    name,
    version,
    applies: { ...applies },
    steps: steps.map(({ timeoutMs, needs, wants, params, ...step }) => ({
      name: step.name,
      version: step.version,
      kind: step.kind,
      needs: [...needs],
      wants: [...wants],
      params: { ...params },
      class: step.class,
      priority: step.priority,
      attemptsMax: step.attemptsMax,
      timeoutSeconds: timeoutMs / 1_000,
    })),
  }));
}

function client(options: Access, io: CliIo): ApiClient {
  return new ApiClient(serverAccess(options, io.env), io.signal);
}

function print(to: { readonly options: Access; readonly io: CliIo }, value: object, text: readonly string[]): void {
  if (to.options.json === true) printLine(to.io.stdout, JSON.stringify(value, null, 2));
  else for (const line of text) printWords(to.io.stdout, line);
}
