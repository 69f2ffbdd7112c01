/** `holdfast migrate`: from one folder (SQLite and disk) to PostgreSQL, and to another folder or a bucket. The source stays as it is. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { HoldfastError } from '../core/errors.ts';
import { makeFolder } from '../platform/make-folder.ts';
import { systemClock } from '../platform/system-clock.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import { lockInstance } from '../state/sql/instance-lock.ts';
import { type TableReport, Transfer } from '../state/sql/transfer.ts';
import { formatTable } from './format-text.ts';
import { type CliIo, CommandFailed, exitCodes, printLine } from './io.ts';
import { type ByteCounts, MigrateBytes } from './migrate-bytes.ts';
import { nodeIdentity } from './node-identity.ts';
import { openBlobs } from './open-blobs.ts';

interface Options {
  readonly fromData: string;
  readonly toState: string;
  readonly toData: string;
  readonly toBlobs?: string;
  readonly json?: boolean;
}

export function registerMigrate(program: Command, io: CliIo): void {
  program
    .command('migrate')
    .description(
      'Move a server that kept everything in one folder to PostgreSQL, and its bytes to another folder or a bucket. Stop the server first; the source is only read. Interrupted, it goes on where it was.',
    )
    .requiredOption('--from-data <dir>', 'the data directory of the stopped server')
    .requiredOption('--to-state <url>', 'postgres://… of an empty database')
    .requiredOption(
      '--to-data <dir>',
      'the data directory of the new server: bytes go there unless --to-blobs is given',
    )
    .option('--to-blobs <where>', 's3://bucket/prefix; credentials as for serve')
    .option('--json', 'one JSON object a line: progress, then the tables and the summary')
    .addHelpText(
      'after',
      '\nExit codes: 0 moved and compared, 1 something does not fit (said which), 2 wrong usage, 130 interrupted: run it again.\n',
    )
    .action((options: Options) => run(options, io));
}

async function run(options: Options, io: CliIo): Promise<void> {
  const from = resolve(options.fromData);
  const to = resolve(options.toData);
  check(options, from, to);
  const lock = lockInstance(from);
  const shown = progress(io, options.json === true);
  try {
    const transfer = await Transfer.begin({
      file: join(from, 'state.db'),
      url: options.toState,
      source: await nodeIdentity(from),
      clock: systemClock,
      stopped: () => io.signal.aborted,
      progress: (table, rows, of) => shown.update(`${table}: ${rows} of ${of} rows`),
    });
    try {
      await move(transfer, { options, io, from, to, shown });
    } finally {
      await transfer.close();
    }
  } finally {
    shown.clear();
    lock.release();
  }
}

function check(options: Options, from: string, to: string): void {
  const refused = (words: string) => new CommandFailed(words, exitCodes.usage);
  if (!existsSync(join(from, 'state.db')))
    throw refused(`There is no Holdfast data in ${from}. Name its folder with --from-data.`);
  if (!/^postgres(?:ql)?:\/\//.test(options.toState))
    throw refused(
      '--to-state takes postgres://user@host/database. Redis keeps uploads only; the ledger has to move to PostgreSQL.',
    );
  if (from === to) throw refused('--to-data is the source itself. Name another folder: the source stays as it is.');
}

interface Moving {
  readonly options: Options;
  readonly io: CliIo;
  readonly from: string;
  readonly to: string;
  readonly shown: ReturnType<typeof progress>;
}

async function move(transfer: Transfer, { options, io, from, to, shown }: Moving): Promise<void> {
  refuseFinishing(transfer);
  await makeFolder(to);
  const blobs = options.toBlobs === undefined ? {} : { blobs: options.toBlobs };
  const config = loadConfig({ env: io.env, flags: { dataDir: to, state: options.toState, ...blobs } });
  const stores = await openBlobs({
    config,
    dataDir: to,
    scratch: join(to, 'migrate-scratch'),
    partMap: await transfer.partMap(),
  });
  try {
    const tables = await transfer.tables();
    if (tables === null) throw interrupted();
    const bytes = new MigrateBytes(transfer, {
      from,
      target: { ...stores, newId: uuidv7 },
      stopped: () => io.signal.aborted,
      progress: (words) => shown.update(words),
    });
    const counts = await bytes.move();
    if (counts === null) throw interrupted();
    await transfer.finish();
    shown.clear();
    report(options, io, { tables, counts });
  } finally {
    await stores.blobs.close();
  }
}

function interrupted(): CommandFailed {
  return new CommandFailed(
    'Interrupted. What was moved stays; run the same command again to go on.',
    exitCodes.interrupted,
  );
}

/** Their bytes may be on the way from one place to another. A server that is started does that in seconds. */
function refuseFinishing(transfer: Transfer): void {
  const [found] = transfer.ask<{ n: number }>(
    `select count(*) as n from uploads where state in ('validating', 'assembling')`,
  );
  if ((found?.n ?? 0) === 0) return;
  throw new HoldfastError(
    'unavailable',
    `${found?.n} uploads of the source are being finished. Start its server, wait until they are through, and stop it in order.`,
  );
}

function report(options: Options, io: CliIo, done: { tables: readonly TableReport[]; counts: ByteCounts }): void {
  const { tables, counts } = done;
  if (options.json === true) {
    for (const table of tables) printLine(io.stdout, JSON.stringify(table));
    printLine(io.stdout, JSON.stringify({ summary: counts }));
    return;
  }
  const rows = tables
    .filter((table) => table.rows > 0)
    .map(({ table, rows: n, sha256 }) => [table, String(n), sha256.slice(0, 16)]);
  for (const line of formatTable([['table', 'rows', 'SHA-256 on both sides'], ...rows])) printLine(io.stdout, line);
  const { assets, inPlace, artifacts, uploads, there } = counts;
  printLine(
    io.stdout,
    `\nMoved and compared: ${assets} assets${inPlace > 0 ? ` (${inPlace} more stay in watched folders)` : ''}, ${artifacts} artifacts, ${uploads} unfinished uploads${there > 0 ? `; ${there} of them were there already` : ''}.`,
  );
  printLine(
    io.stdout,
    `Start the new server with --state ${shownUrl(options.toState)} --data ${options.toData}${options.toBlobs === undefined ? '' : ` --blobs ${options.toBlobs}`}`,
  );
}

function shownUrl(url: string): string {
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  return shown.href;
}

/** One line that is written over; JSON lines where those are wanted. */
function progress(io: CliIo, json: boolean) {
  let last = 0;
  return {
    update: (words: string) => {
      const now = systemClock.now();
      if (now - last < 200) return;
      last = now;
      if (json) printLine(io.stdout, JSON.stringify({ progress: words }));
      else if (io.isTTY) io.stderr.write(`\r\u001b[K${words}`);
    },
    clear: () => {
      if (io.isTTY && !json) io.stderr.write('\r\u001b[K');
    },
  };
}
