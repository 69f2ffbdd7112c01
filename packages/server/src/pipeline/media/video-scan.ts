/** Brings the video pipes of the scan together: rows of measurements, exact times and pictures; gives shots and chosen keyframes. */
import type { Interval } from './analysis.ts';
import { CutDetector, type CutRules, type Settled, stillJumpMax } from './cut-detector.ts';
import { IntervalCollector } from './intervals.ts';
import { JpegFrames } from './jpeg-frames.ts';
import { KeyframePicker, type Picture } from './keyframe-picker.ts';
import { MetadataLines } from './metadata-lines.ts';
import { type PictureShot, type RowFrame, rowFrame, ShotBuilder } from './shot-builder.ts';
import { type Entered, type GradualRules, TransitionDetector } from './transitions.ts';

export interface VideoScanOptions {
  readonly rules: CutRules & GradualRules;
  /** Seconds that a frame lasts when nothing else says it. */
  readonly frameSeconds: number;
  /** What the file says of the picture's length; null when it does not. */
  readonly claimedSeconds: number | null;
  onTime(seconds: number): void;
  onPicture(shotIndex: number, picture: Picture): void;
  onSample(picture: Picture): void;
}

export class VideoScan {
  readonly frameTimes = new MetadataLines((event) => {
    if (event.kind === 'frame') this.#onTime(event.time);
    else if (event.key === 'lavfi.black_start') this.#black.start(event.value);
    else if (event.key === 'lavfi.black_end') this.#black.end(event.value);
    else if (event.key === 'lavfi.freezedetect.freeze_start') this.#frozen.start(event.value);
    else if (event.key === 'lavfi.freezedetect.freeze_end') this.#frozen.end(event.value);
  });
  readonly pictureTimes = new MetadataLines((event) => {
    if (event.kind === 'frame') this.#pictureTimesWaiting.push(event.time);
    this.#pairPictures();
  });
  readonly pictures = new JpegFrames((jpeg) => {
    this.#picturesWaiting.push(jpeg);
    this.#pairPictures();
  });

  readonly #options: VideoScanOptions;
  readonly #detector: CutDetector<RowFrame>;
  readonly #transitions: TransitionDetector<RowFrame>;
  readonly #picker: KeyframePicker;
  readonly #builder: ShotBuilder;
  readonly #black = new IntervalCollector();
  readonly #frozen = new IntervalCollector();
  #timesWaiting: number[] = [];
  #rowsWaiting: Float32Array[] = [];
  #pictureTimesWaiting: number[] = [];
  #picturesWaiting: Buffer[] = [];
  #frames = 0;
  #still = 0;
  #lastTime = Number.NaN;
  #lastStep: number;
  #longStep = 0;

  constructor(options: VideoScanOptions) {
    this.#options = options;
    this.#detector = new CutDetector(options.rules);
    this.#transitions = new TransitionDetector(options.rules);
    this.#picker = new KeyframePicker((index, picture) => options.onPicture(index, picture));
    this.#builder = new ShotBuilder((shot) => this.#picker.shotEnded(shot));
    this.#lastStep = options.frameSeconds;
  }

  get frames(): number {
    return this.#frames;
  }

  /** Share of the frames in which nothing moved. */
  get stillShare(): number {
    return this.#frames < 2 ? 0 : this.#still / (this.#frames - 1);
  }

  get shots(): readonly PictureShot[] {
    return this.#builder.shots;
  }

  /**
   * Where the last decoded frame ends, in seconds; 0 before the first. It lasts as long as the one before, but for more than a second only
   * as far as the file says so.
   */
  get seconds(): number {
    if (this.#frames === 0) return 0;
    const end = this.#lastTime + this.#lastStep;
    return Math.max(end, Math.min(this.#lastTime + this.#longStep, this.#options.claimedSeconds ?? end));
  }

  takeRow(row: Float32Array): void {
    this.#rowsWaiting.push(row);
    this.#join();
  }

  /** All pipes ended. */
  end(): { readonly black: Interval[]; readonly frozen: Interval[] } {
    this.#join();
    this.#settle(this.#detector.end());
    this.#add(this.#transitions.end());
    this.#builder.end(this.seconds);
    this.#picker.end();
    return { black: this.#black.finish(this.seconds), frozen: this.#frozen.finish(this.seconds) };
  }

  #onTime(time: number): void {
    this.#timesWaiting.push(time);
    this.#join();
  }

  /** The n-th row belongs to the n-th time. */
  #join(): void {
    const ready = Math.min(this.#timesWaiting.length, this.#rowsWaiting.length);
    if (ready === 0) return;
    const times = this.#timesWaiting.splice(0, ready);
    const rows = this.#rowsWaiting.splice(0, ready);
    rows.forEach((row, i) => {
      this.#frame(this.#exactTime(times[i] ?? Number.NaN), row);
    });
    this.#options.onTime(this.#lastTime);
  }

  #frame(time: number, row: Float32Array): void {
    if (this.#frames > 0 && time > this.#lastTime) {
      this.#longStep = time - this.#lastTime;
      this.#lastStep = Math.min(this.#longStep, 1);
    }
    this.#lastTime = time;
    this.#frames += 1;
    const frame = rowFrame(time, row);
    const jump = frame.echoes[0] ?? 0;
    if (jump >= 0 && jump <= stillJumpMax) this.#still += 1;
    this.#settle(this.#detector.push(frame));
  }

  #settle(settled: readonly Settled<RowFrame>[]): void {
    for (const each of settled) this.#add(this.#transitions.push(each));
  }

  #add(entered: readonly Entered<RowFrame>[]): void {
    for (const each of entered) {
      this.#builder.add(each);
      this.#picker.settled(each.frame.time);
    }
  }

  /** A frame without a time follows the one before; time never runs backwards. */
  #exactTime(time: number): number {
    if (this.#frames === 0) return Number.isFinite(time) ? time : 0;
    return Number.isFinite(time) ? Math.max(time, this.#lastTime) : this.#lastTime + this.#lastStep;
  }

  #pairPictures(): void {
    while (this.#picturesWaiting.length > 0 && this.#pictureTimesWaiting.length > 0) {
      const jpeg = this.#picturesWaiting.shift();
      const time = this.#pictureTimesWaiting.shift();
      if (!jpeg || time === undefined || !Number.isFinite(time)) continue;
      this.#picker.add({ time, jpeg });
      this.#options.onSample({ time, jpeg });
    }
  }
}
