/** `holdfast reindex`: builds the search index again from what the ledger has, on a stopped node. */
import type { Command } from 'commander';
import { silentLog } from '../core/ports/log.ts';
import { SearchIndexer } from '../pipeline/search-indexer.ts';
import { systemClock } from '../platform/system-clock.ts';
import { type CliIo, CommandFailed, exitCodes, printLine } from './io.ts';
import { type DataOptions, dataOptions, openStopped } from './open-data.ts';

interface Options extends DataOptions {
  readonly json?: boolean;
}

export function registerReindex(program: Command, io: CliIo): void {
  const command = program
    .command('reindex')
    .description(
      'Build the search index again from transcripts, text on screen and names. The server has to be stopped.',
    );
  dataOptions(command, 'everything')
    .option('--json', 'the counts as JSON')
    .addHelpText(
      'after',
      '\nStopped half-way (Ctrl-C), the rest is indexed when the server starts.\nExit codes: 0 done, 1 some text could not be read, 2 wrong usage.\n',
    )
    .action((options: Options) => run(options, io));
}

async function run(options: Options, io: CliIo): Promise<void> {
  const { state, disk, release } = await openStopped(options, io);
  try {
    const indexer = new SearchIndexer({
      search: state.search,
      artifacts: disk.artifacts,
      clock: systemClock,
      log: silentLog,
      pollMs: 60_000,
    });
    const onAbort = () => void indexer.stop();
    io.signal.addEventListener('abort', onAbort, { once: true });
    const assets = await state.search.outdateAll();
    const show = (done: number) => {
      if (io.isTTY) io.stderr.write(`\rindexed ${done} of ${assets}`);
    };
    const indexed = await indexer.catchUp(show);
    if (io.isTTY) io.stderr.write('\r\u001b[K');
    const left = await state.search.countOutdated();
    if (options.json === true) printLine(io.stdout, JSON.stringify({ assets, indexed, left }));
    else printLine(io.stdout, `Indexed ${indexed} of ${assets} assets.${left > 0 ? ` ${left} are left.` : ''}`);
    if (io.signal.aborted)
      throw new CommandFailed('interrupted; the rest is indexed when the server starts.', exitCodes.interrupted);
    if (left > 0)
      throw new CommandFailed(
        'The text of some assets could not be read; `holdfast verify` says more.',
        exitCodes.failed,
      );
  } finally {
    await release();
  }
}
