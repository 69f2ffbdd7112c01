/** The words of the components. Whole sentences with holes, so that every language can order them its way. */
import type { RecorderStatus } from '../../recorder/recorder.ts';
import type { UploaderStatus } from '../uploader-state.ts';

export type UploaderAction = 'choose' | 'start' | 'pause' | 'resume' | 'cancel' | 'retry' | 'remove';

export type RecorderAction = 'start' | 'pause' | 'resume' | 'stop' | 'discard';

export interface UploaderLabels {
  /** BCP 47: how `Intl` writes numbers, sizes and times. */
  readonly locale: string;
  /** Name of the whole. */
  readonly uploader: string;
  readonly actions: Readonly<Record<UploaderAction, string>>;
  /** What a button is called: `Cancel meeting.wav`. */
  readonly actionOn: (action: string, filename: string) => string;
  readonly dropHint: string;
  readonly dropNow: string;
  readonly status: Readonly<Record<Exclude<UploaderStatus, 'idle'>, string>>;
  /** In place of `status.waiting`: why. */
  readonly waiting: Readonly<Record<'offline' | 'unreachable' | 'busy' | 'retrying', string>>;
  readonly progressOf: (filename: string) => string;
  readonly bytes: (sent: string, total: string) => string;
  readonly chunks: (sent: string, total: string) => string;
  readonly currentChunk: (chunk: string) => string;
  readonly remaining: (time: string) => string;
  /** While the server checks the whole. */
  readonly checked: (percent: string) => string;
  /** What compression did: sizes and per cent. */
  readonly saved: (before: string, after: string, percent: string) => string;
  /** It did nothing; the reason is the engine's. */
  readonly notCompressed: (reason: string) => string;
  readonly tooLarge: (max: string) => string;
  readonly wrongType: (accepted: string) => string;
  /** For the live region. */
  readonly started: (filename: string) => string;
  readonly reached: (filename: string, percent: string) => string;
  readonly paused: (filename: string) => string;
  readonly resumed: (filename: string) => string;
  readonly completed: (filename: string) => string;
  readonly cancelled: (filename: string) => string;
  /** By code (docs/errors.md) or reason of a compression that was not done (docs/audio.md); where there is none, its message is shown. */
  readonly errors: Readonly<Record<string, string>>;
  readonly recorder: {
    /** Name of the whole. */
    readonly recorder: string;
    readonly actions: Readonly<Record<RecorderAction, string>>;
    readonly status: Readonly<Record<RecorderStatus, string>>;
    readonly duration: string;
    readonly level: string;
    readonly microphone: string;
    /** The choice of none. */
    readonly systemMicrophone: string;
  };
}
