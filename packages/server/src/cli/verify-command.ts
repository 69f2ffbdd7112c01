/** `holdfast verify`: state against storage, on a stopped node. */
import type { Command } from 'commander';
import { defaultLimits } from '../core/limits.ts';
import { noCrashPoints } from '../core/ports/crash-points.ts';
import { openGate } from '../core/ports/creation-gate.ts';
import { silentLog } from '../core/ports/log.ts';
import { noTracing } from '../core/ports/tracing.ts';
import { systemClock } from '../platform/system-clock.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import { ContentTurns } from '../uploads/content-turns.ts';
import type { UploadDependencies } from '../uploads/dependencies.ts';
import { type Finding, type VerifyCounts, verify } from '../uploads/verify.ts';
import { type CliIo, CommandFailed, exitCodes, printLine, printWords } from './io.ts';
import { type DataOptions, dataOptions, openStopped } from './open-data.ts';

interface Options extends DataOptions {
  readonly repair?: boolean;
  readonly quick?: boolean;
  readonly json?: boolean;
}

const ignored = { created: () => {}, receipt: () => {}, ended: () => {}, finished: () => {}, dropped: () => {} };

export function registerVerify(program: Command, io: CliIo): void {
  const command = program
    .command('verify')
    .description(
      'Compare the state with what is in storage: lost, damaged and orphaned bytes. The server has to be stopped.',
    );
  dataOptions(command, 'everything')
    .option('--quick', 'compare sizes of assets instead of reading them again')
    .option(
      '--repair',
      'do what cannot lose anything: ask for damaged bytes again, remove incoming files that belong to nothing',
    )
    .option('--json', 'one JSON object a line: findings, then the summary')
    .addHelpText(
      'after',
      '\nExit codes: 0 everything is as recorded (or was repaired), 1 something is wrong, 2 wrong usage, 130 interrupted.\n',
    )
    .action((options: Options) => run(options, io));
}

async function run(options: Options, io: CliIo): Promise<void> {
  const { state, disk, release } = await openStopped(options, io);
  try {
    const deps: UploadDependencies = {
      store: state.uploads,
      blobs: disk.blobs,
      claims: state.claims,
      locks: state.locks,
      contents: new ContentTurns(state.locks),
      deletions: state.deletions,
      tokens: state.tokens,
      clock: systemClock,
      limits: defaultLimits,
      log: silentLog,
      observer: ignored,
      tracing: noTracing,
      crash: noCrashPoints,
      creationGate: openGate,
      holder: 'verify',
      newId: uuidv7,
      planRuns: () => [],
      allowedTypes: null,
      sniffType: async () => null,
    };
    const shown = progressLine(io, options.json === true);
    const findings = verify({
      deep: options.quick !== true,
      repair: options.repair === true,
      deps,
      ledger: state.ledger,
      artifacts: disk.artifacts,
      progress: shown.update,
      stopped: () => io.signal.aborted,
    });
    const { open, counts } = await report(findings, { io, json: options.json === true, clear: shown.clear });
    if (open > 0) throw new CommandFailed('', exitCodes.failed);
    if (counts.assets + counts.uploads === 0 && options.json !== true) printLine(io.stdout, 'The store is empty.');
  } finally {
    await release();
  }
}

async function report(
  findings: AsyncGenerator<Finding, VerifyCounts>,
  out: { io: CliIo; json: boolean; clear: () => void },
): Promise<{ open: number; counts: VerifyCounts }> {
  let found = 0;
  let open = 0;
  for (;;) {
    const next = await findings.next();
    out.clear();
    if (next.done && out.io.signal.aborted) throw interrupted();
    if (next.done) {
      printLine(
        out.io.stdout,
        out.json
          ? JSON.stringify({ summary: { ...next.value, findings: found, open } })
          : summary(next.value, { found, open }),
      );
      return { open, counts: next.value };
    }
    found += 1;
    if (!next.value.repaired) open += 1;
    const { kind, subject, detail, repaired } = next.value;
    if (out.json) printLine(out.io.stdout, JSON.stringify(next.value));
    else printWords(out.io.stdout, `${repaired ? 'repaired ' : ''}${kind}  ${subject}: ${detail}`);
    if (out.io.signal.aborted) throw interrupted();
  }
}

function interrupted(): CommandFailed {
  return new CommandFailed('Interrupted; what was repaired stays repaired.', exitCodes.interrupted);
}

function summary(counts: VerifyCounts, { found, open }: { found: number; open: number }): string {
  const read = counts.bytes > 0 ? ` (${(counts.bytes / 1e6).toFixed(1)} MB read)` : '';
  const checked = `Checked ${counts.assets} assets${read}, ${counts.uploads} unfinished uploads, ${counts.artifacts} artifacts.`;
  if (found === 0) return `${checked} Everything is as recorded.`;
  return `${checked} ${found} findings, ${open} open.${open > 0 ? ' --repair does what is safe; lost assets come back from a backup or a new upload.' : ''}`;
}

/** One line that is written over, for people who watch. */
function progressLine(io: CliIo, json: boolean): { update: (counts: VerifyCounts) => void; clear: () => void } {
  if (!io.isTTY || json) return { update: () => {}, clear: () => {} };
  let last = 0;
  return {
    update: (counts) => {
      const now = systemClock.now();
      if (now - last < 200) return;
      last = now;
      io.stderr.write(
        `\r\u001b[Kchecking: ${counts.assets} assets, ${(counts.bytes / 1e6).toFixed(0)} MB, ${counts.uploads} uploads, ${counts.artifacts} artifacts`,
      );
    },
    clear: () => void io.stderr.write('\r\u001b[K'),
  };
}
