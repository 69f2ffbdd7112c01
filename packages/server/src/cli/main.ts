/** The command line. */
import { Command, CommanderError } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp, printWords } from './io.ts';
import { onStopSignals } from './stop-signals.ts';
import { packageVersion } from './version.ts';

const interrupted = new AbortController();

const io: CliIo = {
  // Opened when somebody reads it.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  isTTY: process.stderr.isTTY === true,
  signal: interrupted.signal,
};

/** First Ctrl-C: commands stop in order. Second: the process ends. `serve` has its own handling. */
function watchSignals(): void {
  onStopSignals(
    () => interrupted.abort(),
    () => process.exit(exitCodes.interrupted),
  );
}

/** Commands that print while they work. The others, but for `serve`, have done their work when they print. */
const workWhilePrinting = new Set(['upload', 'watch', 'migrate', 'verify', 'apply', 'forget', 'delete']);
let running = '';
/** Nobody reads any more: the end of a pipe, or a terminal that was closed. */
const unread = new Set(['EPIPE', 'EIO']);
/** Output was lost to somebody who waits for it. */
let lost = false;

// Whoever reads may stop reading: `holdfast runs | head`. What is still at work stops in order, as after Ctrl-C, and does not end as if it were done.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!unread.has(error.code ?? '') && running !== 'serve' && !lost) {
      lost = true;
      process.exitCode = exitCodes.failed;
      printWords(io.stderr, `holdfast: the output cannot be written: ${error.message}`);
    }
    if (workWhilePrinting.has(running)) interrupted.abort();
    // Not at once: a command that has failed is about to say so by its exit code.
    else if (running !== 'serve') setImmediate(() => process.exit(process.exitCode ?? exitCodes.done));
  });

const program = new Command('holdfast')
  .description('Uploads that arrive: resumable, verified, processed once.')
  .version(packageVersion(), '-V, --version')
  .showHelpAfterError('(holdfast --help tells what there is)')
  .addHelpText('after', exitCodesHelp)
  .hook('preAction', (_program, command) => {
    if (command.name() !== 'serve') watchSignals();
    running = command.name();
  })
  .exitOverride();

/** In the order of `--help`. Loaded when wanted: a client command does not wait for the server's packages. */
const commands: Readonly<Record<string, () => Promise<void>>> = {
  serve: async () => (await import('./serve-command.ts')).registerServe(program),
  upload: async () => (await import('./upload-command.ts')).registerUpload(program, io),
  status: async () => (await import('./status-command.ts')).registerStatus(program, io),
  runs: async () => (await import('./runs-command.ts')).registerRuns(program, io),
  steps: async () => (await import('./steps-command.ts')).registerSteps(program, io),
  classes: async () => (await import('./classes-command.ts')).registerClasses(program, io),
  delete: async () => (await import('./delete-command.ts')).registerDelete(program, io),
  pipelines: async () => (await import('./pipelines-command.ts')).registerPipelines(program, io),
  webhooks: async () => (await import('./webhooks-command.ts')).registerWebhooks(program, io),
  watch: async () => (await import('./watch-command.ts')).registerWatch(program, io),
  export: async () => (await import('./processed-commands.ts')).registerExport(program, io),
  'import-processed': async () => (await import('./processed-commands.ts')).registerImport(program, io),
  forget: async () => (await import('./processed-commands.ts')).registerForget(program, io),
  migrate: async () => (await import('./migrate-command.ts')).registerMigrate(program, io),
  backup: async () => (await import('./backup-command.ts')).registerBackup(program, io),
  verify: async () => (await import('./verify-command.ts')).registerVerify(program, io),
  'leave-redis': async () => (await import('./leave-redis-command.ts')).registerLeaveRedis(program, io),
  reindex: async () => (await import('./reindex-command.ts')).registerReindex(program, io),
  doctor: async () => (await import('./doctor-command.ts')).registerDoctor(program, io),
};
const wanted = commands[process.argv[2] ?? ''];
for (const register of wanted ? [wanted] : Object.values(commands)) await register();

try {
  await program.parseAsync(process.argv);
} catch (error) {
  const code = report(error);
  process.exitCode = lost ? exitCodes.failed : code;
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof CommandFailed) {
    if (error.message !== '') printWords(io.stderr, `holdfast: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof HoldfastError) {
    printWords(io.stderr, `holdfast: ${error.message}`);
    return error.code === 'invalid-request' ? exitCodes.usage : exitCodes.failed;
  }
  printWords(io.stderr, `holdfast: ${unforeseen(error)}`);
  return exitCodes.failed;
}

/** What the system refused is said in its words: a full disk, a missing right, an address that this machine does not have. Anything else is a mistake of ours. */
function unforeseen(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}
