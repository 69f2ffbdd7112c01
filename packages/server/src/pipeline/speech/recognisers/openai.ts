/** A server with OpenAI's transcription API: OpenAI itself, whisper-server, speaches, vLLM, LocalAI … */
import { openAsBlob } from 'node:fs';
import { PermanentStepError } from '../../context.ts';
import { askServer } from '../../engines/ask-server.ts';
import type { Recogniser, RecogniserContext, Stretch } from '../recogniser.ts';
import type { Heard } from '../transcript.ts';
import { readTranscriptJson } from '../transcript-json.ts';

const answerBytesMax = 64 * 1024 * 1024;

export class OpenAiRecogniser implements Recogniser {
  readonly engineVersion: string;
  readonly grade = 'full';
  readonly punctuated = true;
  /** 19 MB as WAV: such servers take 25 MB. */
  readonly chunkSeconds = 600;
  readonly #context: RecogniserContext;

  constructor(context: RecogniserContext) {
    this.#context = context;
    this.engineVersion = new URL(context.params.url ?? '').host;
  }

  async recognise({ file, seconds }: Stretch): Promise<Heard> {
    const { params, apiKey, signal, clock, timeoutMs, warn } = this.#context;
    const answer = await askServer({
      url: `${(params.url ?? '').replace(/\/+$/, '')}/audio/transcriptions`,
      apiKey,
      timeoutMs,
      answerBytesMax,
      signal,
      clock,
      onWait: (facts) => warn(facts, 'the speech server wants to be asked again'),
      body: async () => {
        const form = new FormData();
        form.set('file', await openAsBlob(file, { type: 'audio/wav' }), 'speech.wav');
        form.set('model', params.model ?? 'whisper-1');
        form.set('response_format', 'verbose_json');
        form.append('timestamp_granularities[]', 'word');
        form.append('timestamp_granularities[]', 'segment');
        if (params.language !== null) form.set('language', params.language);
        return { body: form, contentType: null };
      },
    });
    const heard = readTranscriptJson(answer, seconds);
    if (heard === null)
      throw new PermanentStepError(`${this.engineVersion} did not answer with a transcript (text, segments, words).`);
    return heard;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
