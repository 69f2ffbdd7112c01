/** `holdfast leave-redis`: the uploads are kept in the database again. What Redis still has is given up. */
import type { Command } from 'commander';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp, printLine } from './io.ts';
import { type DataOptions, dataOptions, openStoppedLedger } from './open-data.ts';

interface Options extends DataOptions {
  readonly json?: boolean;
}

export function registerLeaveRedis(program: Command, io: CliIo): void {
  const command = program
    .command('leave-redis')
    .description(
      'Keep uploads in the database (the ledger) from now on. Uploads that Redis still has are given up: let them end first. Assets and runs stay. The server has to be stopped.',
    );
  dataOptions(command, 'ledger')
    .option('--json', 'the result as JSON')
    .addHelpText('after', `\nSee docs/redis.md, “Moving”.\n${exitCodesHelp}`)
    .action((options: Options) => run(options, io));
}

async function run(options: Options, io: CliIo): Promise<void> {
  const { state, release } = await openStoppedLedger(options, io);
  try {
    const left = await state.inbox.leavePartner();
    if (options.json === true) printLine(io.stdout, JSON.stringify({ left }));
    else if (left)
      printLine(io.stdout, 'Uploads are kept in the database from now on. Start the server without redis://.');
    if (!left) throw new CommandFailed('The uploads of this server are not in Redis.', exitCodes.failed);
  } finally {
    await release();
  }
}
