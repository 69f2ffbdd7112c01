/** `holdfast doctor`: what this machine has and lacks, and what to do about it. */
import type { Command } from 'commander';
import { checkBucket } from './bucket-diagnoses.ts';
import { checkDisk, checkEngines, checkMedia, checkNode, checkSqlite, type Diagnosis } from './diagnoses.ts';
import { type CliIo, CommandFailed, exitCodes, printLine, printWords } from './io.ts';
import { configOfData, type DataOptions, dataOptions } from './open-data.ts';
import { checkProxy } from './proxy-diagnoses.ts';
import { checkServer } from './server-diagnoses.ts';
import { checkPostgres, checkRedis } from './state-diagnoses.ts';

interface Options extends DataOptions {
  readonly server?: string;
  readonly url?: string;
  readonly json?: boolean;
}

const marks = { good: '✓', warning: '!', bad: '✗' } as const;

export function registerDoctor(program: Command, io: CliIo): void {
  const command = program
    .command('doctor')
    .description(
      'Look at this machine and what the settings name: Node, data directory, disk, database, Redis, bucket, media tools, engines for speech and text; with --server also at a running server, with --url at the proxy in front of it.',
    );
  dataOptions(command, 'everything')
    .option('--server <url>', 'also ask this server how it is')
    .option('--url <url>', 'the address that clients use: look at what a proxy in between does (default: publicUrl)')
    .option('--json', 'the diagnoses as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 Holdfast can run here (warnings are allowed), 1 something stands in the way, 2 wrong usage, 130 interrupted.\n',
    )
    .action((options: Options) => run(options, io));
}

async function run(options: Options, io: CliIo): Promise<void> {
  const config = await configOfData(options, io);
  const url = addressOf(options.url ?? config.publicUrl);
  const server = addressOf(options.server);
  const diagnoses: Diagnosis[] = [
    checkNode(),
    ...(await checkDisk(config)),
    (await checkPostgres(config)) ?? (await checkSqlite()),
    ...(await checkRedis(config)),
    ...(await checkBucket(config)),
    ...(await checkMedia(config, io.signal)),
    ...(await checkEngines(config)),
    ...(server === null ? [] : await checkServer(server, io.signal)),
    ...(url === null ? [] : await checkProxy(url, io.signal)),
  ];
  if (io.signal.aborted) throw new CommandFailed('interrupted.', exitCodes.interrupted);
  const bad = diagnoses.filter((d) => d.verdict === 'bad').length;
  if (options.json === true) printLine(io.stdout, JSON.stringify({ ok: bad === 0, diagnoses }, null, 2));
  else for (const line of table(diagnoses)) printWords(io.stdout, line);
  if (bad > 0) throw new CommandFailed('', exitCodes.failed);
}

function addressOf(text: string | undefined): string | null {
  if (text === undefined || (URL.canParse(text) && /^https?:/.test(text))) return text ?? null;
  throw new CommandFailed(`"${text}" is not the URL of a server, such as https://media.example.org.`, exitCodes.usage);
}

function table(diagnoses: readonly Diagnosis[]): string[] {
  const width = Math.max(...diagnoses.map((d) => d.subject.length));
  return diagnoses.flatMap((d) => {
    const line = `${marks[d.verdict]} ${d.subject.padEnd(width)}  ${d.found}`;
    return d.advice === undefined ? [line] : [line, `  ${' '.repeat(width)}  → ${d.advice}`];
  });
}
