/** Speed and remaining time from "so many bytes moved". Pure: the caller brings the time. */

const halfLifeMs = 3_000;
/** Before this the numbers jump (socket buffers swallow the first megabytes at once), so they are not shown. */
const hiddenMs = 2_000;
/** Samples closer together are gathered: a rate over 3 ms says nothing. */
const sampleMsMin = 200;

export class SpeedMeter {
  #startedAt: number | null = null;
  #sampledAt = 0;
  #pendingBytes = 0;
  #average = 0;
  #eta: number | null = null;

  /** Begins anew: after a pause, the speed before it means nothing. */
  restart(now: number): void {
    this.#startedAt = now;
    this.#sampledAt = now;
    this.#pendingBytes = 0;
    this.#average = 0;
    this.#eta = null;
  }

  /** Nothing is being sent. */
  stop(): void {
    this.#startedAt = null;
  }

  add(bytes: number): void {
    this.#pendingBytes += bytes;
  }

  /** Takes what was added since the last call into the averages. `remainingBytes` is what the time is estimated for. */
  sample(now: number, remainingBytes: number): void {
    const elapsed = now - this.#sampledAt;
    // The clock was set back.
    if (this.#startedAt !== null && elapsed < 0) this.restart(now);
    if (this.#startedAt === null || elapsed < sampleMsMin) return;
    const keep = 2 ** (-elapsed / halfLifeMs);
    const rate = (this.#pendingBytes * 1_000) / elapsed;
    this.#average = rate + (this.#average - rate) * keep;
    this.#pendingBytes = 0;
    this.#sampledAt = now;
    const speed = this.#rate(this.#startedAt);
    if (speed < 1) {
      this.#eta = null;
      return;
    }
    const estimate = remainingBytes / speed;
    // The old estimate, one sample later, would be that much shorter.
    const previous = this.#eta === null ? estimate : Math.max(0, this.#eta - elapsed / 1_000);
    // After a standstill the old one is of hours: it would be shown long after the bytes flow again.
    const wavers = previous < 2 * estimate && estimate < 2 * previous;
    this.#eta = wavers ? estimate + (previous - estimate) * keep : estimate;
  }

  /** Null while it is not worth showing. */
  bytesPerSecond(now: number): number | null {
    if (this.#startedAt === null || now - this.#startedAt < hiddenMs) return null;
    return this.#rate(this.#startedAt);
  }

  etaSeconds(now: number): number | null {
    return this.bytesPerSecond(now) === null ? null : this.#eta;
  }

  /** The average starts at 0; this takes out what it has not seen yet. */
  #rate(startedAt: number): number {
    const seen = 1 - 2 ** (-(this.#sampledAt - startedAt) / halfLifeMs);
    return seen <= 0 ? 0 : this.#average / seen;
  }
}
