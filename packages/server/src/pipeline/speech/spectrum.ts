/** The fast Fourier transform (Cooley and Tukey 1965, radix 2, in place), of one fixed size. Pure. */
export class Fft {
  readonly size: number;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #reversed: Uint32Array;

  /** A power of two. */
  constructor(size: number) {
    this.size = size;
    this.#cos = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((-2 * Math.PI * i) / size));
    this.#sin = Float64Array.from({ length: size / 2 }, (_, i) => Math.sin((-2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.#reversed = Uint32Array.from({ length: size }, (_, i) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit += 1) if (i & (1 << bit)) reversed |= 1 << (bits - 1 - bit);
      return reversed;
    });
  }

  /** Transforms real and imaginary parts where they are. */
  transform(real: Float64Array, imaginary: Float64Array): void {
    const { size } = this;
    for (let i = 0; i < size; i += 1) {
      const j = this.#reversed[i] ?? 0;
      if (j > i) {
        [real[i], real[j]] = [real[j] ?? 0, real[i] ?? 0];
        [imaginary[i], imaginary[j]] = [imaginary[j] ?? 0, imaginary[i] ?? 0];
      }
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let from = 0; from < size; from += 2 * half) this.#butterflies(real, imaginary, { from, half, stride });
    }
  }

  #butterflies(
    real: Float64Array,
    imaginary: Float64Array,
    { from, half, stride }: { from: number; half: number; stride: number },
  ): void {
    for (let k = 0; k < half; k += 1) {
      const [c, s] = [this.#cos[k * stride] ?? 0, this.#sin[k * stride] ?? 0];
      const [a, b] = [from + k, from + k + half];
      const [br, bi] = [real[b] ?? 0, imaginary[b] ?? 0];
      const [tr, ti] = [br * c - bi * s, br * s + bi * c];
      const [ar, ai] = [real[a] ?? 0, imaginary[a] ?? 0];
      real[b] = ar - tr;
      imaginary[b] = ai - ti;
      real[a] = ar + tr;
      imaginary[a] = ai + ti;
    }
  }
}
