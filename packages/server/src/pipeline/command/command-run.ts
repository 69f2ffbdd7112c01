/** Runs a command step through the fence and says what its end means. */
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { PermanentStepError, type StepContext, type StepResult } from '../context.ts';
import { type FencedExit, type FencedRun, FenceError, type OutputPipe, runFenced } from '../media/fence.ts';
import { type CommandLine, commandLine } from './command-line.ts';
import { collectOutputs } from './command-outputs.ts';
import type { CommandRules, CommandSpec } from './command-spec.ts';
import { findProgram } from './find-program.ts';
import { ProgressLines } from './progress-lines.ts';

/** Of standard output when it is no output of the step. */
const stdoutBytesMax = 256 * 1024 * 1024;
const tailCharsMax = 600;

export async function runCommand(spec: CommandSpec, context: StepContext): Promise<StepResult> {
  const line = await commandLine(spec, context);
  const program = await findProgram(line.program, line.env['PATH'] ?? '');
  if (program === null)
    return {
      kind: 'skipped',
      reason: `${line.program} is not there or cannot be run: install it, or correct the command of ${spec.name}, then retry.`,
    };
  if (wantsLimits(spec.rules) && spec.rules.prlimit === null)
    return { kind: 'skipped', reason: 'Its limits cannot be held without prlimit (Debian: apt install util-linux).' };
  const startedAt = context.clock.now();
  const exit = await run(spec, { program, line, context });
  const skipped = judge(exit, spec);
  if (skipped !== null) return { kind: 'skipped', reason: skipped };
  const left = await collectOutputs(context.scratch, spec.params.outputs, line.files);
  const output = {
    ...left.names,
    data: left.data,
    engine: path.basename(program),
    engineVersion: spec.version,
    params: spec.params.with,
    inputSha256: context.asset.id,
    seconds: (context.clock.now() - startedAt) / 1_000,
  };
  return { kind: 'done', output, files: left.files };
}

interface Started {
  readonly program: string;
  readonly line: CommandLine;
  readonly context: StepContext;
}

async function run(spec: CommandSpec, { program, line, context }: Started): Promise<FencedExit> {
  const { signal, clock, timeoutMs, scratch } = context;
  const captured = Object.entries(spec.params.outputs).find(([, output]) => output.from === 'stdout');
  const file = captured ? await open(path.join(scratch, line.files[captured[0]] ?? ''), 'wx') : null;
  const progress = new ProgressLines((fraction) => context.progress(fraction));
  const stdout: OutputPipe = {
    fd: 1,
    bytesMax: captured?.[1].bytesMax ?? stdoutBytesMax,
    take: (chunk) => (file ? writeAll(file, chunk) : progress.take(chunk)),
  };
  try {
    return await runFenced({
      command: program,
      args: line.args,
      ...{ signal, clock, timeoutMs, outputs: [stdout], cwd: scratch, env: line.env },
      ...capsOf(spec.rules),
      isolation: spec.params.network ? null : spec.rules.isolation,
    });
  } catch (error) {
    if (error instanceof FenceError && error.stderrTail !== '' && error.kind !== 'aborted')
      throw new Error(`${error.message}${tail(error.stderrTail)}`, { cause: error });
    throw error;
  } finally {
    await file?.close();
  }
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  await file.writeFile(chunk);
}

function wantsLimits({ limits }: CommandRules): boolean {
  return Object.values(limits).some((limit) => limit !== undefined);
}

function capsOf({ limits, prlimit }: CommandRules): Pick<FencedRun, 'memory' | 'usage'> {
  const { memoryBytes, fileBytes, cpuSeconds } = limits;
  if (prlimit === null) return {};
  const usage = {
    prlimit,
    ...(fileBytes === undefined ? {} : { fileBytesMax: fileBytes }),
    ...(cpuSeconds === undefined ? {} : { cpuSecondsMax: cpuSeconds, cpuGraceSeconds: 1 }),
  };
  return { memory: memoryBytes === undefined ? null : { prlimit, bytesMax: memoryBytes }, usage };
}

/** Null when it ended well, the reason when it skipped itself; throws when it failed. */
function judge(exit: FencedExit, { rules, name }: CommandSpec): string | null {
  const { code, signalName, stderrTail } = exit;
  if (code === 0) return null;
  if (code === null) {
    const message = `${name} was killed by ${signalName}${signalWords(signalName)}${tail(stderrTail)}`;
    if (signalName === 'SIGXCPU' || signalName === 'SIGXFSZ') throw new PermanentStepError(message);
    throw new Error(message);
  }
  const { retry, never, skip } = rules.exitCodes;
  if (skip.includes(code)) return lastLine(stderrTail) ?? `The command skipped it (exit code ${code}).`;
  const message = `${name} ended with exit code ${code}${tail(stderrTail)}`;
  const final = never.includes(code) || (retry !== null && !retry.includes(code));
  throw final ? new PermanentStepError(message) : new Error(message);
}

function signalWords(name: string | null): string {
  switch (name) {
    case 'SIGXCPU':
      return ': its limit of CPU time was used up';
    case 'SIGXFSZ':
      return ': a file became larger than its limit';
    case 'SIGKILL':
      return ', as the kernel does when memory is short or CPU time used up';
    default:
      return '';
  }
}

function tail(stderr: string): string {
  if (stderr === '') return '.';
  return `: ${stderr.length > tailCharsMax ? '…' : ''}${stderr.slice(-tailCharsMax)}`;
}

function lastLine(text: string): string | null {
  const line = text.split('\n').at(-1)?.trim() ?? '';
  return line === '' ? null : line.slice(0, tailCharsMax);
}
