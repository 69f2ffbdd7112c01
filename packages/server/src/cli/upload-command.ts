/** `holdfast upload`: files to a server, again and again until they are there. */
import { join } from 'node:path';
import { createUploadClient, UploadError } from '@holdfast/client';
import { fileSha256, fileSource, nodeTransport, uploadJournal } from '@holdfast/client/node';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ApiClient, authorisation, defaultServer, type ServerAccess, serverAccess } from './api-client.ts';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp } from './io.ts';
import { waitForProcessing } from './processing.ts';
import { type Display, displayFor, type Outcome } from './progress.ts';
import { sayingWhy } from './saying-why.ts';
import { type FileUpload, uploadFile } from './upload-file.ts';

interface Options {
  readonly server?: string;
  readonly apiKey?: string;
  readonly parallel: number;
  readonly chunkSize?: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly resume: boolean;
  readonly verify: boolean;
  readonly json?: boolean;
  readonly waitProcessing?: boolean;
  readonly giveUpAfter: number;
}

/** Files that are under way at once: enough to keep the connections busy with small ones. */
const filesAtOnce = 6;

export function registerUpload(program: Command, io: CliIo): void {
  program
    .command('upload')
    .description(
      'Upload files. Goes on where the last run stopped, waits when the server is away, compares checksums at the end.',
    )
    .argument('<file...>', 'files to upload')
    .option('--server <url>', `the server (default: HOLDFAST_SERVER or ${defaultServer})`)
    .option('--api-key <key>', 'credentials (default: HOLDFAST_API_KEY; better, because others can see arguments)')
    .addOption(
      new Option('--parallel <n>', 'chunks on their way at once, 1 … 4').default(4).argParser(wholeNumber(1, 4)),
    )
    .option('--chunk-size <bytes>', 'bytes per chunk, also as 8M or 512K (default: by the measured speed)', byteCount)
    .option('--metadata <key=value>', 'kept with the upload; may be given several times', metadataPair, {})
    .option('--no-resume', 'begin anew instead of going on with what an earlier run left')
    .option('--no-verify', 'do not compare the SHA-256 of the whole file with the server’s')
    .option('--json', 'events as NDJSON on standard output')
    .option('--wait-processing', 'wait until the pipeline is done with the files; fail when it fails')
    .addOption(
      new Option('--give-up-after <seconds>', 'end when the server has not answered for so long; 0: never')
        .default(3_600)
        .argParser(wholeNumber(0, 10_000_000)),
    )
    .addHelpText(
      'after',
      `\nCtrl-C stops and keeps what is on the server; the same command goes on with it.${exitCodesHelp}`,
    )
    .action((files: string[], options: Options) => run(files, options, io));
}

async function run(files: readonly string[], options: Options, io: CliIo): Promise<void> {
  const access = serverAccess(options, io.env);
  const journal = uploadJournal(journalDirectory(io.env), () => Date.now());
  await journal.sweep();
  const display = displayFor(io, options.json === true);
  const transport = sayingWhy(nodeTransport(), access.url, display);
  const client = createUploadClient({
    endpoint: access.url,
    getHeaders: () => authorisation(access),
    parallel: options.parallel,
    transport,
    ...(options.chunkSize === undefined ? {} : { chunkSize: options.chunkSize }),
    ...(options.giveUpAfter === 0 ? {} : { giveUpAfterMs: options.giveUpAfter * 1_000 }),
  });
  const digests = inTurn(({ path, signal }: { path: string; signal: AbortSignal }) => fileSha256(path, signal));
  const parts = { client, display, journal, endpoint: access.url, metadata: options.metadata, resume: options.resume };
  try {
    const outcomes = await eachLimited(files, filesAtOnce, (path, index) =>
      uploadPath({
        path,
        index,
        digest: options.verify ? (signal) => digests({ path, signal }) : null,
        signal: io.signal,
        ...parts,
      }),
    );
    const waits = options.waitProcessing === true && !outcomes.some(({ kind }) => kind === 'interrupted');
    const giveUpAfterMs = options.giveUpAfter === 0 ? null : options.giveUpAfter * 1_000;
    const processed = waits ? await processing({ outcomes, access, giveUpAfterMs, display, io }) : true;
    conclude({ outcomes, processed, display });
  } finally {
    display.close();
    transport.close();
  }
}

type PathUpload = Omit<FileUpload, 'source' | 'file'> & { readonly path: string; readonly index: number };

async function uploadPath({ path, index, ...parts }: PathUpload): Promise<Outcome> {
  const { display, signal } = parts;
  if (signal.aborted) return { kind: 'interrupted' };
  try {
    const source = await fileSource(path);
    const file = { index, path, size: source.size };
    display.began(file);
    return await uploadFile({ ...parts, source, file });
  } catch (error) {
    const outcome: Outcome = { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    display.ended({ index, path, size: 0 }, outcome, null);
    return outcome;
  }
}

interface Ended {
  readonly outcomes: readonly Outcome[];
  readonly processed: boolean;
  readonly display: Display;
}

/** @throws CommandFailed unless everything is well. */
function conclude({ outcomes, processed, display }: Ended): void {
  const { failed, interrupted } = summarise({ outcomes, processed, display });
  if (interrupted > 0) {
    const left = interrupted === 1 ? '1 file is' : `${interrupted} files are`;
    throw new CommandFailed(
      `interrupted; ${left} not finished. Run the same command again to go on.`,
      exitCodes.interrupted,
    );
  }
  if (failed > 0) {
    const unreachable = outcomes.every(
      (o) => o.kind !== 'failed' || (o.error instanceof UploadError && isAway(o.error)),
    );
    const advice = unreachable ? `${awayWords(outcomes)}; run the same command again to go on.` : '';
    const message = outcomes.length === 1 ? advice : `${failed} of ${outcomes.length} files failed. ${advice}`;
    throw new CommandFailed(message.trim(), unreachable ? exitCodes.unreachable : exitCodes.failed);
  }
  if (!processed) throw new CommandFailed('processing failed.', exitCodes.failed);
}

/** The last event, however it ends. */
function summarise({ outcomes, processed, display }: Ended): { failed: number; interrupted: number } {
  const count = (kind: Outcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).length;
  const [completed, failed, interrupted] = [count('completed'), count('failed'), count('interrupted')];
  display.event('summary', { completed, failed, interrupted, processed });
  display.close();
  return { failed, interrupted };
}

function isAway(error: UploadError): boolean {
  return error.type === 'network' || error.type === 'timeout';
}

function awayWords(outcomes: readonly Outcome[]): string {
  const foreign = outcomes.some(
    (o) => o.kind === 'failed' && o.error instanceof UploadError && o.error.code === 'bad-answer',
  );
  return foreign
    ? 'what answers is not Holdfast: check the address, or sign in to the network'
    : 'the server does not answer';
}

interface Processing {
  readonly outcomes: readonly Outcome[];
  readonly giveUpAfterMs: number | null;
  readonly access: ServerAccess;
  readonly display: Display;
  readonly io: CliIo;
}

async function processing({ outcomes, access, giveUpAfterMs, display, io }: Processing): Promise<boolean> {
  const assets = new Set(outcomes.flatMap((outcome) => (outcome.kind === 'completed' ? [outcome.assetId] : [])));
  const api = new ApiClient(access, io.signal);
  let good = true;
  try {
    for (const assetId of assets)
      good = (await waitForProcessing({ api, assetId, display, giveUpAfterMs, signal: io.signal })) && good;
  } catch (error) {
    // Interrupted, or the server is away: how the uploads ended is known all the same.
    summarise({ outcomes, processed: false, display });
    throw error;
  }
  return good;
}

/** `$XDG_STATE_HOME/holdfast/uploads`, usually ~/.local/state/holdfast/uploads. */
function journalDirectory(env: CliIo['env']): string {
  // An empty one counts as not set (XDG Base Directory Specification).
  const base = env['XDG_STATE_HOME'] || join(env['HOME'] || '.', '.local', 'state');
  return join(base, 'holdfast', 'uploads');
}

/** One after the other: two hashing threads on the disk's heels help nobody. */
function inTurn<A, T>(task: (argument: A) => Promise<T>): (argument: A) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (argument) => {
    const result = tail.then(() => task(argument));
    tail = result.catch(() => {});
    return result;
  };
}

async function eachLimited<A, T>(
  items: readonly A[],
  limit: number,
  task: (item: A, index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  const queue = items.entries();
  const lane = async () => {
    for (const [index, item] of queue) results[index] = await task(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It takes a whole number, ${min} … ${max}.`);
    return value;
  };
}

/** `8388608`, `8M`, `512K`: powers of two, as chunk sizes are. */
function byteCount(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([KMG]?)(?:i?B)?$/i.exec(text) ?? [];
  const factor = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit.toUpperCase()];
  if (digits === undefined || factor === undefined || Number(digits) === 0) {
    throw new InvalidArgumentError('It takes bytes, such as 8388608, 8M or 512K.');
  }
  return Number(digits) * factor;
}

function metadataPair(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It takes key=value.');
  const key = text.slice(0, at);
  // As part of a request it could become the prototype of what reads it, so servers refuse it.
  if (key === '__proto__') throw new InvalidArgumentError('The key cannot be __proto__.');
  return { ...before, [key]: text.slice(at + 1) };
}
