/** `holdfast export processed`, `import-processed`, `forget`: the log of processed contents. Fine beside a running server. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Argument, type Command } from 'commander';
import type { ProcessedContent } from '../core/ports/watch-store.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { State } from '../state/sql/open.ts';
import { parseProcessed, processedLine } from '../watch/processed-log.ts';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp, printLine } from './io.ts';
import { type DataOptions, dataOptions, type LedgerWish, openLedgerBeside } from './open-data.ts';

interface Options extends DataOptions {
  readonly json?: boolean;
}

const batch = 500;
const badShown = 20;

function withOptions(command: Command): Command {
  return dataOptions(command, 'ledger').option('--json', 'as JSON').addHelpText('after', exitCodesHelp);
}

export function registerExport(program: Command, io: CliIo): void {
  const command = program
    .command('export')
    .description('Print the log of processed contents of watched folders: SHA-256, time, outcome, name; one line each.')
    .addArgument(new Argument('<what>', 'what to export').choices(['processed']));
  withOptions(command).action((_what: string, options: Options) =>
    withState(options, { io, creates: false }, async (state) => {
      for (let after = '', full = true; full; ) {
        const page = await state.watch.listProcessed(after, batch);
        for (const one of page) printLine(io.stdout, options.json === true ? jsonOf(one) : processedLine(one));
        after = page.at(-1)?.sha256 ?? after;
        full = page.length === batch;
      }
    }),
  );
}

export function registerImport(program: Command, io: CliIo): void {
  const command = program
    .command('import-processed')
    .description(
      'Take over what an older system processed: lines that begin with a SHA-256 (as from sha256sum). Those contents are not processed again.',
    )
    .argument('<file>', 'the list; - reads standard input');
  withOptions(command).action((file: string, options: Options) =>
    withState(options, { io, creates: true }, (state) => importFrom(state, { file, options, io })),
  );
}

export function registerForget(program: Command, io: CliIo): void {
  const command = program
    .command('forget')
    .description(
      'Take contents out of the log of processed ones: what was imported by mistake is taken at the next scan.',
    )
    .argument('<sha256...>', 'contents');
  withOptions(command).action((given: string[], options: Options) =>
    withState(options, { io, creates: false }, (state) => forget(state, { given, options, io })),
  );
}

async function importFrom(state: State, from: { file: string; options: Options; io: CliIo }): Promise<void> {
  const { file, options, io } = from;
  const counts = { lines: 0, added: 0, known: 0 };
  const bad: { line: number; text: string }[] = [];
  let badCount = 0;
  let pending: ProcessedContent[] = [];
  const flush = async () => {
    const added = await state.watch.importProcessed(pending);
    counts.added += added;
    counts.known += pending.length - added;
    pending = [];
  };
  let number = 0;
  const input = await inputOf(file);
  // Ends with the signal, also while nothing comes.
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, signal: io.signal })) {
    number += 1;
    if (io.signal.aborted) break;
    const parsed = parseProcessed(line, systemClock.now());
    if (parsed === null) continue;
    counts.lines += 1;
    if (parsed === undefined) {
      badCount += 1;
      if (bad.length < badShown) bad.push({ line: number, text: line.slice(0, 80) });
      continue;
    }
    pending.push(parsed);
    if (pending.length >= batch) await flush();
  }
  if (io.signal.aborted) throw new CommandFailed('Interrupted; what was imported stays.', exitCodes.interrupted);
  await flush();
  if (options.json === true) printLine(io.stdout, JSON.stringify({ ...counts, bad: badCount, badLines: bad }));
  else {
    for (const { line, text } of bad) printLine(io.stderr, `line ${line}: no SHA-256: ${JSON.stringify(text)}`);
    if (badCount > bad.length) printLine(io.stderr, `… and ${badCount - bad.length} more`);
    printLine(io.stdout, `${counts.added} contents imported, ${counts.known} were known, ${badCount} bad lines.`);
  }
  if (badCount > 0) throw new CommandFailed('', exitCodes.failed);
}

async function forget(state: State, what: { given: string[]; options: Options; io: CliIo }): Promise<void> {
  const digests = what.given.map((text) => text.trim().toLowerCase());
  const wrong = digests.find((digest) => !/^[0-9a-f]{64}$/.test(digest));
  if (wrong !== undefined)
    throw new CommandFailed(`"${wrong.slice(0, 80)}" is no SHA-256: 64 hexadecimal digits.`, exitCodes.usage);
  let missing = 0;
  for (const sha256 of digests) {
    const known = await state.watch.processed(sha256);
    const forgotten = await state.watch.forget(sha256);
    if (!forgotten) missing += 1;
    const words = !forgotten
      ? 'was not in the log'
      : known?.imported === true || !(await state.deletions.isRecorded(sha256))
        ? 'forgotten: files with it are taken at the next scan'
        : 'forgotten; it is an asset here, and its steps are not done twice: retry its run instead';
    printLine(
      what.io.stdout,
      what.options.json === true ? JSON.stringify({ sha256, forgotten }) : `${sha256}  ${words}`,
    );
  }
  if (missing > 0) throw new CommandFailed('', exitCodes.failed);
}

async function inputOf(file: string): Promise<Readable> {
  if (file === '-') return process.stdin;
  const stream = createReadStream(file);
  // With the first bytes, because a folder can be opened.
  await new Promise<void>((readable, failed) => {
    stream.once('readable', () => readable());
    stream.once('error', (cause) =>
      failed(new CommandFailed(`${file} cannot be read: ${cause.message}`, exitCodes.usage)),
    );
  });
  return stream;
}

async function withState(options: Options, wish: LedgerWish, work: (state: State) => Promise<void>): Promise<void> {
  const state = await openLedgerBeside(options, wish);
  try {
    await work(state);
  } finally {
    await state.close();
  }
}

function jsonOf(content: ProcessedContent): string {
  return JSON.stringify({ ...content, at: new Date(content.at).toISOString() });
}
