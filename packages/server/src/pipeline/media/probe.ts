/** Asks ffprobe about a file. */
import type { Clock } from '../../core/ports/clock.ts';
import { PermanentStepError } from '../context.ts';
import { guardedInput } from './input-guard.ts';
import { type MediaInfo, parseMediaInfo } from './media-info.ts';
import { runTool } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';

const answerBytesMax = 4 * 1024 * 1024;
const probeTimeoutMs = 120_000;

export interface ProbeRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Rejects with `PermanentStepError` when the file is not media that we take, with another error when ffprobe could not do its work. */
export async function probeFile({ tools, file, signal, clock }: ProbeRequest): Promise<MediaInfo> {
  const chunks: Buffer[] = [];
  const exit = await runTool({
    tools,
    program: 'ffprobe',
    args: [
      '-v',
      'error',
      '-threads',
      String(tools.threads),
      '-of',
      'json',
      '-show_format',
      '-show_streams',
      ...guardedInput(file),
    ],
    signal,
    clock,
    timeoutMs: probeTimeoutMs,
    outputs: [{ fd: 1, bytesMax: answerBytesMax, take: (chunk) => void chunks.push(chunk) }],
  });
  if (exit.code !== 0) throw refusal(exit.stderrTail, file, exit.code);
  const info = parseMediaInfo(Buffer.concat(chunks).toString('utf8'));
  if (!info) throw new Error(`ffprobe gave no usable answer: ${plainDiagnostics(exit.stderrTail, file)}`);
  if (!info.video && !info.audio)
    throw new PermanentStepError('The file has no video or audio stream that can be decoded.');
  return info;
}

/** Trouble of this machine is worth another attempt; trouble of the file is not. */
function refusal(stderr: string, file: string, code: number | null): Error {
  const detail = plainDiagnostics(stderr, file);
  if (
    code === null ||
    /Input\/output error|Cannot allocate memory|No such file|Permission denied|Too many open files/.test(stderr)
  ) {
    return new Error(`ffprobe could not read the file: ${detail}`);
  }
  if (/not on whitelist/i.test(stderr)) {
    return new PermanentStepError(
      `The file is a playlist or of a format that is not taken, because such files can point at other files: ${detail}`,
    );
  }
  if (/moov atom not found/.test(stderr)) {
    return new PermanentStepError(`The file is cut off or was not finished by its recorder: ${detail}`);
  }
  return new PermanentStepError(`The file is not audio or video that can be read: ${detail}`);
}

/** For decoding that failed: what the guard refuses, and what is no media, stays so; anything else may be the machine's trouble. */
export function decodingFailure(what: string, stderr: string, file: string): Error {
  const message = `${what}: ${plainDiagnostics(stderr, file)}`;
  return /not on whitelist|Invalid data found/i.test(stderr) ? new PermanentStepError(message) : new Error(message);
}

/** What a tool said, in one line, without our paths and its memory addresses. */
export function plainDiagnostics(stderr: string, file: string): string {
  const text = stderr
    .replaceAll(`file:${file}`, 'file')
    .replaceAll(file, 'file')
    .replace(/ @ 0x[0-9a-f]+/g, '');
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return [...new Set(lines)].slice(-3).join('; ').slice(0, 500) || 'no details';
}
