/** Debian's pocketsphinx with its English model: runs anywhere, good enough to find places in clear English speech. */
import { plainDiagnostics } from '../../media/probe.ts';
import { runTool } from '../../media/tool-run.ts';
import type { Recogniser, RecogniserContext, Stretch } from '../recogniser.ts';
import type { Heard, HeardSegment, Word } from '../transcript.ts';

const outputBytesMax = 64 * 1024 * 1024;

export class Pocketsphinx implements Recogniser {
  /** The program does not say which version it is. */
  readonly engineVersion = 'not stated';
  readonly grade = 'draft';
  readonly punctuated = false;
  readonly chunkSeconds = 300;
  readonly #context: RecogniserContext;

  constructor(context: RecogniserContext) {
    this.#context = context;
  }

  async recognise({ file }: Stretch): Promise<Heard> {
    const { params, signal, clock, timeoutMs, tools } = this.#context;
    const [command = 'pocketsphinx_continuous'] = params.command;
    const model = params.model ?? '';
    const chunks: Buffer[] = [];
    const exit = await runTool({
      tools,
      program: { path: command },
      args: [
        ...['-infile', file, '-time', 'yes', '-logfn', '/dev/null'],
        ...['-hmm', `${model}/en-us`, '-lm', `${model}/en-us.lm.bin`, '-dict', `${model}/cmudict-en-us.dict`],
      ],
      signal,
      clock,
      timeoutMs,
      outputs: [{ fd: 1, bytesMax: outputBytesMax, take: (chunk) => void chunks.push(chunk) }],
    });
    if (exit.code !== 0) throw new Error(`pocketsphinx failed: ${plainDiagnostics(exit.stderrTail, file)}`);
    return { segments: readTimes(Buffer.concat(chunks).toString('utf8')), language: 'en' };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Lines `word start end confidence` between `<s>` and `</s>`; other lines are the same text again. */
export function readTimes(text: string): HeardSegment[] {
  const segments: HeardSegment[] = [];
  let words: Word[] = [];
  const close = () => {
    if (words.length > 0) {
      const said = words.map((word) => word.text).join(' ');
      segments.push({ start: words[0]?.start ?? 0, end: words.at(-1)?.end ?? 0, text: said, words });
    }
    words = [];
  };
  for (const line of text.split('\n')) {
    const found = /^(\S+) (\d+\.\d+) (\d+\.\d+) (\d+\.\d+)$/.exec(line.trim());
    if (!found) continue;
    const [, token = '', start, end, confidence] = found;
    // Silence and noises stand in brackets of several kinds; `read(2)` is a second way to say it.
    if (token === '<s>' || token === '</s>') close();
    else if (!/^(?:<.*>|\[.*\]|\+\+.*\+\+)$/.test(token)) {
      words.push({
        text: token.replace(/\(\d+\)$/, ''),
        start: Number(start),
        end: Number(end),
        confidence: Math.min(1, Number(confidence)),
      });
    }
  }
  close();
  return segments;
}
