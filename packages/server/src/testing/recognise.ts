/**
 * Speech that is made and heard by programs of Debian, for tests: flite speaks (not espeak-ng, which recognisers do not understand),
 * pocketsphinx with its English model listens. Both have to be installed; the suite's set-up does that.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const outputBytesMax = 16 * 1024 * 1024;

/** Voices of flite that pocketsphinx was measured with. */
export const voices = ['slt', 'rms', 'awb', 'kal16'] as const;
export type Voice = (typeof voices)[number];

export interface Speech {
  readonly text: string;
  readonly voice: Voice;
  /** Where the sound goes: WAV, 16 kHz, mono. */
  readonly file: string;
}

/** Speaks the text into the file. */
export async function speak({ text, voice, file }: Speech): Promise<void> {
  await run('flite', ['-voice', voice, '-t', text, '-o', file], { maxBuffer: outputBytesMax });
}

/** What pocketsphinx hears in a WAV file of 16 kHz, mono. Takes about 0.35 of the sound's length, plus a second. */
export async function recognise(file: string): Promise<string> {
  const { stdout } = await run('pocketsphinx_continuous', ['-infile', file, '-logfn', '/dev/null'], {
    maxBuffer: outputBytesMax,
  });
  return stdout.replace(/\s+/g, ' ').trim();
}
