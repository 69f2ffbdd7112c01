/** Any program that writes a transcript: whisper.cpp's `whisper-cli`, a script of one's own, a container. Run without a shell. */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { PermanentStepError } from '../../context.ts';
import { runFenced } from '../../media/fence.ts';
import { plainDiagnostics } from '../../media/probe.ts';
import { readCaptions } from '../captions.ts';
import type { CommandOutput, Recogniser, RecogniserContext, Stretch } from '../recogniser.ts';
import type { Heard } from '../transcript.ts';
import { readTranscriptJson } from '../transcript-json.ts';

const outputBytesMax = 64 * 1024 * 1024;
/** EX_TEMPFAIL of sysexits.h: what a program says that wants to be asked again. */
const tryAgain = 75;

export class CommandRecogniser implements Recogniser {
  readonly engineVersion: string;
  readonly grade = 'full';
  readonly punctuated = true;
  readonly chunkSeconds = 1_800;
  readonly #context: RecogniserContext;

  constructor(context: RecogniserContext) {
    this.#context = context;
    this.engineVersion = path.basename(context.params.command[0] ?? 'command');
  }

  async recognise({ file, seconds }: Stretch): Promise<Heard> {
    const { params, scratch, signal, clock, timeoutMs } = this.#context;
    const { commandOutput: format } = params;
    const output = path.join(scratch, 'heard');
    const fill = (word: string) =>
      word.replace(/\{(input|output|model|language)\}/g, (_, name: string) => {
        const values = { input: file, output, model: params.model ?? '', language: params.language ?? 'auto' };
        return values[name as keyof typeof values];
      });
    const [command = '', ...args] = params.command.map(fill);
    const chunks: Buffer[] = [];
    const exit = await runFenced({
      command,
      args,
      signal,
      clock,
      timeoutMs,
      cwd: scratch,
      outputs: [{ fd: 1, bytesMax: outputBytesMax, take: (chunk) => void chunks.push(chunk) }],
    });
    const detail = plainDiagnostics(exit.stderrTail, file);
    if (exit.code === null || exit.code === tryAgain)
      throw new Error(`${this.engineVersion} did not finish: ${detail}`);
    if (exit.code !== 0) throw new Error(`${this.engineVersion} ended with ${exit.code}: ${detail}`);
    const toFile = params.command.some((word) => word.includes('{output}'));
    const text = toFile ? await this.#written(output, format) : Buffer.concat(chunks).toString('utf8');
    const heard = readAs(format, text, seconds);
    if (heard === null)
      throw new PermanentStepError(
        `${this.engineVersion} did not write ${format} that can be read; it began with: ${JSON.stringify(text.slice(0, 120))}`,
      );
    return heard;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Programs differ in whether they add the extension to the name that they are given. */
  async #written(output: string, format: CommandOutput): Promise<string> {
    for (const name of [`${output}.${format}`, output]) {
      const text = await readFile(name, 'utf8').catch(() => null);
      if (text === null) continue;
      await rm(name, { force: true });
      return text;
    }
    throw new PermanentStepError(`${this.engineVersion} wrote neither {output}.${format} nor {output}.`);
  }
}

function readAs(format: CommandOutput, text: string, seconds: number): Heard | null {
  if (format === 'json') return readTranscriptJson(parsed(text), seconds);
  if (format !== 'txt') return readCaptions(text);
  const said = text.trim();
  return { segments: said === '' ? [] : [{ start: 0, end: seconds, text: said, words: [] }], language: null };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
