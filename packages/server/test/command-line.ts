/** Runs a command as the command line would, without a process: what it printed, and its exit code. */
import { Readable, Writable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { registerBackup } from '../src/cli/backup-command.ts';
import { registerClasses } from '../src/cli/classes-command.ts';
import { registerDelete } from '../src/cli/delete-command.ts';
import { registerDoctor } from '../src/cli/doctor-command.ts';
import { type CliIo, CommandFailed } from '../src/cli/io.ts';
import { registerLeaveRedis } from '../src/cli/leave-redis-command.ts';
import { registerPipelines } from '../src/cli/pipelines-command.ts';
import { registerExport, registerForget, registerImport } from '../src/cli/processed-commands.ts';
import { registerReindex } from '../src/cli/reindex-command.ts';
import { registerRuns } from '../src/cli/runs-command.ts';
import { registerStatus } from '../src/cli/status-command.ts';
import { registerSteps } from '../src/cli/steps-command.ts';
import { registerUpload } from '../src/cli/upload-command.ts';
import { registerVerify } from '../src/cli/verify-command.ts';
import { registerWatch } from '../src/cli/watch-command.ts';
import { registerWebhooks } from '../src/cli/webhooks-command.ts';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** NDJSON on standard output. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly isTTY?: boolean;
  /** What a person types before they go; without it they stay and type nothing. */
  readonly typed?: string;
  /** Called with everything that is printed, as it is printed. */
  readonly onText?: (text: string) => void;
}

export async function runCommand(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { env = {}, signal = new AbortController().signal, isTTY = false, typed, onText = () => {} } = options;
  const printed = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        printed[name] += chunk.toString();
        onText(chunk.toString());
        done();
      },
    });
  const stdin = Object.assign(typed === undefined ? new Readable({ read: () => {} }) : Readable.from([typed]), {
    isTTY,
  });
  const io: CliIo = { stdin, stdout: stream('stdout'), stderr: stream('stderr'), env, isTTY, signal };
  const program = new Command('holdfast');
  registerUpload(program, io);
  registerStatus(program, io);
  registerRuns(program, io);
  registerSteps(program, io);
  registerClasses(program, io);
  registerDelete(program, io);
  registerWebhooks(program, io);
  registerPipelines(program, io);
  registerDoctor(program, io);
  for (const register of [registerBackup, registerLeaveRedis, registerReindex, registerVerify]) register(program, io);
  for (const register of [registerWatch, registerExport, registerImport, registerForget]) register(program, io);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((command) => command.commands)]) {
    command
      .exitOverride()
      .configureOutput({ writeOut: (t) => io.stdout.write(t), writeErr: (t) => io.stderr.write(t) });
  }
  let exitCode = 0;
  try {
    await program.parseAsync(['node', 'holdfast', ...args]);
  } catch (error) {
    if (error instanceof CommandFailed) {
      exitCode = error.exitCode;
      printed.stderr += error.message;
    } else if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? 0 : 2;
    else throw error;
  }
  const lines = printed.stdout.split('\n').filter((line) => line.startsWith('{"event"'));
  return { exitCode, ...printed, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
