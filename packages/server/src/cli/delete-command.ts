/** `holdfast delete`: assets, for good. */
import { createInterface } from 'node:readline';
import { type Asset, AssetList } from '@holdfast/protocol';
import type { Command } from 'commander';
import { formatBytes } from '../core/byte-words.ts';
import type { ApiClient } from './api-client.ts';
import { safeText } from './format-text.ts';
import { type CliIo, CommandFailed, exitCodes, printLine } from './io.ts';
import { addTo, clientOf, queryOf, type ServerOptions, serverCommand } from './server-command.ts';

interface Options extends ServerOptions {
  readonly yes?: boolean;
}

const beginning = /^[0-9a-f]{8,64}$/;
const digestLength = 64;
const pageMax = 200;

export function registerDelete(program: Command, io: CliIo): void {
  const command = serverCommand(
    'delete',
    'Delete assets for good: a content under all its names, and what was made of it. Asks before each one.',
  )
    .argument('<asset...>', 'SHA-256 of an asset, or its first digits, 8 at least')
    .option('--yes', 'do not ask')
    .action((given: string[], options: Options) => run(given, options, io));
  addTo(program, command);
}

async function run(given: readonly string[], options: Options, io: CliIo): Promise<void> {
  const wanted = [...new Set(given.map((text) => text.toLowerCase()))];
  const wrong = wanted.find((text) => !beginning.test(text));
  if (wrong !== undefined) {
    const what = 'is neither the SHA-256 of an asset (64 hexadecimal digits) nor at least 8 digits of its beginning.';
    throw new CommandFailed(`"${safeText(wrong.slice(0, 80))}" ${what}`, exitCodes.usage);
  }
  if (options.yes !== true && !(io.isTTY && io.stdin.isTTY === true))
    throw new CommandFailed('There is no terminal to ask on. --yes deletes without asking.', exitCodes.usage);
  const person = options.yes === true ? null : askingAt(io);
  let failed = 0;
  try {
    for (const digits of wanted) if (!(await deleteOne(digits, { options, io, person }))) failed += 1;
  } finally {
    person?.close();
  }
  if (failed === 0) return;
  const sum = wanted.length === 1 ? '' : `${failed} of ${wanted.length} assets could not be deleted.`;
  throw new CommandFailed(sum, exitCodes.failed);
}

interface Around {
  readonly options: Options;
  readonly io: CliIo;
  /** Null: nobody is asked. */
  readonly person: Person | null;
}

/** False when it could not be. @throws CommandFailed when there is no use in going on. */
async function deleteOne(digits: string, { options, io, person }: Around): Promise<boolean> {
  const api = clientOf(options, io);
  let asset: Asset | null = null;
  try {
    asset = await find(api, digits);
    const agreed = person === null || (await person.agrees(`Delete ${briefly(asset)}? This cannot be undone. [y/N] `));
    if (agreed) await api.deleteAsset(asset.id);
    const { id, filename, size } = asset;
    if (options.json === true) printLine(io.stdout, JSON.stringify({ id, filename, size, deleted: agreed }));
    else printLine(io.stdout, agreed ? `Deleted ${safeText(filename)} (${id}).` : `Kept ${safeText(filename)}.`);
    return true;
  } catch (error) {
    if (!(error instanceof CommandFailed) || error.exitCode !== exitCodes.failed) throw error;
    const { message } = error;
    const id = asset?.id ?? digits;
    if (options.json === true) printLine(io.stdout, JSON.stringify({ id, deleted: false, problem: message }));
    else printLine(io.stderr, `${asset === null ? digits : safeText(asset.filename)}: ${message}`);
    return false;
  }
}

async function find(api: ApiClient, digits: string): Promise<Asset> {
  if (digits.length === digestLength) return api.asset(digits);
  const found: Asset[] = [];
  for (let cursor: string | undefined, more = true; more && found.length < 2; ) {
    const page: AssetList = await api.ask('GET', `/v1/assets${queryOf({ limit: pageMax, cursor })}`, {
      answer: AssetList,
    });
    found.push(...page.items.filter(({ id }) => id.startsWith(digits)));
    more = page.cursor !== null;
    cursor = page.cursor ?? undefined;
  }
  const [asset, another] = found;
  if (asset === undefined) throw new CommandFailed('No asset here begins with these digits.', exitCodes.failed);
  if (another !== undefined)
    throw new CommandFailed(`Several assets begin so: ${asset.id}, ${another.id} …`, exitCodes.failed);
  return asset;
}

/** `film.mp4 (1.2 GB, 0a1b2c3d…)`; a content that came several times goes with all of them. */
function briefly({ id, filename, size, sources }: Asset): string {
  const times = sources.length > 1 ? ', came several times' : '';
  return `${safeText(filename)} (${formatBytes(size)}, ${id.slice(0, 8)}…${times})`;
}

interface Person {
  /** No answer is a no. @throws CommandFailed when interrupted. */
  agrees(question: string): Promise<boolean>;
  close(): void;
}

/** The terminal edits the line and turns Ctrl-C into a signal. */
function askingAt({ stdin, stderr, signal }: CliIo): Person {
  const lines = createInterface({ input: stdin, terminal: false, signal });
  const answers = lines[Symbol.asyncIterator]();
  return {
    async agrees(question) {
      stderr.write(question);
      const answer = await answers.next();
      if (answer.done === true) stderr.write('\n');
      if (signal.aborted) throw new CommandFailed('', exitCodes.interrupted);
      return answer.done !== true && /^y(?:es)?$/i.test(answer.value.trim());
    },
    close: () => lines.close(),
  };
}
