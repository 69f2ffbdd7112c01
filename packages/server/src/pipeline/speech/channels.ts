/**
 * Which channels of a stereo track to listen to. Mixing both is right for most recordings and wrong for two: one side is dead (a clip-on
 * microphone on the left), or the sides are opposite in phase and cancel each other. Pure.
 */
export type ChannelChoice = 'mix' | 'left' | 'right';

/** A side that is quieter than the other by this much (20 dB) adds only its noise. */
const deadRatio = 0.01;
/** A mix that keeps less than this of the louder side's power cancels itself. */
const cancelRatio = 0.1;

/** Adds up the power of both sides and of their mix; takes interleaved samples. */
export class StereoPower {
  #left = 0;
  #right = 0;
  #mix = 0;

  push(samples: Int16Array): void {
    for (let i = 0; i + 1 < samples.length; i += 2) {
      const [left, right] = [samples[i] ?? 0, samples[i + 1] ?? 0];
      this.#left += left * left;
      this.#right += right * right;
      this.#mix += ((left + right) / 2) ** 2;
    }
  }

  choice(): ChannelChoice {
    const [louder, quieter] = this.#left >= this.#right ? [this.#left, this.#right] : [this.#right, this.#left];
    if (louder === 0) return 'mix';
    const single = quieter < deadRatio * louder || this.#mix < cancelRatio * louder;
    if (!single) return 'mix';
    return this.#left >= this.#right ? 'left' : 'right';
  }
}
