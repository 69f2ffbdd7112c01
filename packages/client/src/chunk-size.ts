/**
 * The grid is fixed when an upload is created, so "adaptive" means: the next upload is cut according to how fast the chunks
 * of the last ones went. Without a measurement the server's default holds.
 */

/** A chunk should take so long on its connection: short enough that a cut costs little, long enough that the round trip costs little. */
const targetSeconds = 6;
const mebibyte = 2 ** 20;
const chosenBytesMin = mebibyte;
/** Chunks are held in memory while they are hashed and sent, `parallel` of them. */
const chosenBytesMax = 64 * mebibyte;
/** The server lists so many missing chunks in one answer. */
const chunksMax = 10_000;

/** The largest power of two not above `bytes`. */
function floorPowerOfTwo(bytes: number): number {
  return 2 ** Math.floor(Math.log2(bytes));
}

/** Bytes per chunk to wish for; undefined when nothing was measured and the server shall choose. The server fits it into its limits. */
export function chooseChunkSize(fileBytes: number, bytesPerSecond: number | null): number | undefined {
  if (bytesPerSecond === null) return undefined;
  const wished = floorPowerOfTwo(Math.max(1, bytesPerSecond * targetSeconds));
  const bounded = Math.min(Math.max(wished, chosenBytesMin), chosenBytesMax);
  const countable = 2 ** Math.ceil(Math.log2(Math.max(1, fileBytes / chunksMax)));
  return Math.max(bounded, countable);
}

/** Bytes per second on one connection, from chunks that were acknowledged. */
export class ConnectionPace {
  #bytesPerSecond: number | null = null;

  /** `ms` from the first byte sent to the receipt. */
  observe(bytes: number, ms: number): void {
    // A short last chunk measures the round trip, not the link.
    if (bytes < mebibyte / 4) return;
    const rate = (bytes * 1_000) / Math.max(1, ms);
    this.#bytesPerSecond = this.#bytesPerSecond === null ? rate : this.#bytesPerSecond * 0.7 + rate * 0.3;
  }

  get bytesPerSecond(): number | null {
    return this.#bytesPerSecond;
  }
}
