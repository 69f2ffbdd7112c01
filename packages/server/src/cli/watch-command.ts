/** `holdfast watch`: a node that takes what is in folders, on a terminal. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import type { Config } from '../config/schema.ts';
import { watchFoldersOf } from '../config/watch.ts';
import type { FolderDetails } from '../core/ports/watch-admin.ts';
import type { TakePolicy } from '../core/watch.ts';
import { openNode, type ServerNode } from './compose.ts';
import { crashPointsFromEnvironment } from './crash-points.ts';
import { type CliIo, CommandFailed, exitCodes, printLine } from './io.ts';
import { listenError, refuseOpenDoor } from './listening.ts';
import { configOf } from './serve-command.ts';
import {
  leftLines,
  newsJson,
  newsLine,
  problemLines,
  progressText,
  statusLine,
  summaryLine,
  type Tally,
  tallied,
} from './watch-text.ts';

interface Options extends Record<string, unknown> {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly recursive: boolean;
  readonly settle?: number;
  readonly interval?: number;
  readonly take?: string;
  readonly move?: boolean;
  readonly results?: string;
  readonly format?: string[];
  readonly logLevel?: string;
}

/** Files were left, because they are still being written or cannot be read. */
const leftCode = 4;

export function registerWatch(program: Command, io: CliIo): void {
  program
    .command('watch')
    .description(
      'Take and process what is in folders and what comes into them. A server of its own: nothing else has to run.',
    )
    .argument('[dir...]', 'folders; by default those of the configuration')
    .option('--once', 'look once, process everything that is there, and end')
    .option('--no-recursive', 'leave folders in the folder alone')
    .option('--settle <seconds>', 'how long a file has to be still before it is taken (default: 5)', seconds)
    .option('--interval <seconds>', 'between two scans when nothing tells of a change (default: 300)', seconds)
    .option('--format <range...>', 'media types that are taken, such as video/* (default: video and audio)')
    .addOption(
      new Option('--take <way>', 'how the bytes get into the store; see docs/watch.md').choices([
        'auto',
        'reflink',
        'link',
        'copy',
        'in-place',
      ]),
    )
    .option('--move', 'move what was processed to completed/ or failed/ in the folder')
    .option('--results <where>', 'put results "beside" the file, or into a folder')
    .option('--config <file>', 'settings in YAML or JSON; also HOLDFAST_CONFIG')
    .option('--data <dir>', 'folder for the state and the assets (default: "./data")')
    .option('--host <address>', 'address of the web page and the API (default: "127.0.0.1")')
    .option('--port <number>', 'port of the web page and the API (default: 8080); not with --once')
    .option('--log-level <level>', 'log on standard error (default: "error")')
    .option('--json', 'one JSON object a line: what became of each file, then the summary')
    .addHelpText(
      'after',
      '\nCtrl-C stops in order; what is unfinished goes on at the next start.\n\nExit codes: 0 done, 1 a file failed, a folder cannot be looked at or what is to be written or moved\n            cannot be, 2 wrong usage, 4 files were left (--once): still being written, or not readable, 130 interrupted (--once).\n',
    )
    .action((dirs: string[], options: Options) => run(dirs, options, io));
}

async function run(dirs: string[], options: Options, io: CliIo): Promise<void> {
  const given = dirs.length === 0 ? {} : { watch: dirs.map((path) => entryOf(path, options)) };
  const config = await configOf(options, { ...given, logLevel: options.logLevel ?? 'error' });
  if (config.watch.length === 0)
    throw new CommandFailed('Name the folder to watch, or set "watch" in the configuration.', exitCodes.usage);
  if (options.once !== true) refuseOpenDoor(config);
  const terminal = new Terminal(io, options.json === true);
  const log = pino(
    { level: config.logLevel, base: null },
    { write: (line: string) => terminal.print(line.trimEnd(), 'log') },
  );
  const node = await openNode({
    config,
    log,
    crash: crashPointsFromEnvironment(io.env),
    watchNews: (news) => {
      tallied(terminal.tally, news);
      terminal.print(options.json === true ? newsJson(news) : newsLine(news));
    },
  });
  // Timers of the node do not keep a process alive.
  const alive = setInterval(() => void terminal.refresh(node).catch(() => {}), 500);
  try {
    if (options.once === true) await node.watcher.settled(() => io.signal.aborted);
    else await watchOn(node, config, { io, terminal });
    const folders = await detailsOf(node);
    terminal.clear();
    finish({ folders, terminal, io, options });
  } finally {
    clearInterval(alive);
    terminal.clear();
    await node.close();
  }
}

async function watchOn(
  node: ServerNode,
  config: Config,
  { io, terminal }: { io: CliIo; terminal: Terminal },
): Promise<void> {
  const address = await node.http.app.listen({ host: config.host, port: config.port }).catch((error: unknown) => {
    throw listenError(error, config);
  });
  for (const { path } of watchFoldersOf(config)) terminal.print(`Watching ${path}`, 'words');
  terminal.print(`Web page and API: ${address} · data in ${config.dataDir} · Ctrl-C stops`, 'words');
  if (io.signal.aborted) return;
  await new Promise<void>((ended) => io.signal.addEventListener('abort', () => ended(), { once: true }));
}

interface Ending {
  readonly folders: readonly FolderDetails[];
  readonly terminal: Terminal;
  readonly io: CliIo;
  readonly options: Options;
}

function finish({ folders, terminal, io, options }: Ending): void {
  const { tally } = terminal;
  const left = folders.flatMap((folder) => folder.waiting.map((file) => ({ folder: folder.folder.path, file })));
  const down = folders.filter(({ state }) => state === 'offline' || state === 'paused' || state === 'failing');
  const problems = folders.flatMap(({ folder, problems: found }) =>
    found.map((problem) => ({ folder: folder.path, problem })),
  );
  if (options.json === true)
    printLine(
      io.stdout,
      JSON.stringify({
        event: 'summary',
        ...tally,
        left: left.map(({ folder, file }) => ({ folder, file: file.path, reason: file.reason })),
        unreachable: down.map(({ folder, state, reason }) => ({ folder: folder.path, state, reason })),
        problems,
      }),
    );
  else {
    for (const folder of down) printLine(io.stdout, statusLine(folder));
    for (const line of problemLines(problems)) printLine(io.stdout, line);
    if (options.once === true) for (const line of leftLines(left)) printLine(io.stdout, line);
    printLine(io.stdout, summaryLine(tally));
  }
  if (options.once !== true) return;
  if (io.signal.aborted) throw new CommandFailed('Interrupted; the next start goes on.', exitCodes.interrupted);
  if (tally.failed > 0 || down.length > 0 || problems.length > 0) throw new CommandFailed('', exitCodes.failed);
  if (left.length > 0) throw new CommandFailed('', leftCode);
}

function entryOf(path: string, options: Options): Config['watch'][number] {
  const { recursive, settle, interval, take, move, results, format } = options;
  return {
    path,
    recursive,
    ...(settle === undefined ? {} : { settleSeconds: settle }),
    ...(interval === undefined ? {} : { intervalSeconds: interval }),
    ...(take === undefined ? {} : { take: take as TakePolicy }),
    ...(move === true ? { outcome: 'move' as const } : {}),
    ...(results === undefined ? {} : { results: results === 'beside' ? results : resolve(results) }),
    ...(format === undefined ? {} : { formats: format }),
  };
}

async function detailsOf(node: ServerNode): Promise<FolderDetails[]> {
  const details: FolderDetails[] = [];
  for (const { folder } of await node.watcher.folders()) {
    const found = await node.watcher.folder(folder.id);
    if (found) details.push(found);
  }
  return details;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('Not a number of seconds.');
  return value;
}

/** Lines that stay, and one below them that is written over, for people who watch. */
class Terminal {
  readonly tally: Tally = { taken: 0, known: 0, ignored: 0, succeeded: 0, failed: 0 };
  readonly #io: CliIo;
  readonly #json: boolean;
  #shown = false;

  constructor(io: CliIo, json: boolean) {
    this.#io = io;
    this.#json = json;
  }

  /** What became of a file goes to standard output; words and logs to standard error. */
  print(line: string | null, kind: 'news' | 'words' | 'log' = 'news'): void {
    if (line === null || (kind === 'words' && this.#json)) return;
    this.clear();
    printLine(kind === 'news' ? this.#io.stdout : this.#io.stderr, line);
  }

  async refresh(node: ServerNode): Promise<void> {
    if (!this.#io.isTTY || this.#json) return;
    const text = progressText(await node.watcher.folders());
    this.clear();
    if (text === '') return;
    this.#io.stderr.write(text);
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) this.#io.stderr.write('\r\u001b[K');
    this.#shown = false;
  }
}
