/** The fast Fourier transform (Cooley & Tukey 1965), in place, radix 2. */
export interface Fourier {
  /** From time to frequency. */
  forward(re: Float64Array, im: Float64Array): void;
  /** Back, scaled so that it undoes `forward`. */
  inverse(re: Float64Array, im: Float64Array): void;
}

export function fourier(size: number): Fourier {
  const bits = Math.log2(size);
  if (!Number.isInteger(bits)) throw new RangeError(`The size is a power of two, not ${size}.`);
  const cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sin = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
  const place = Uint32Array.from({ length: size }, (_, i) => reversed(i, bits));

  function forward(re: Float64Array, im: Float64Array): void {
    for (let i = 0; i < size; i++) {
      const j = place[i] ?? 0;
      if (j > i) swap(re, im, i, j);
    }
    for (let span = 1; span < size; span *= 2) {
      const stride = size / (2 * span);
      for (let start = 0; start < size; start += 2 * span) {
        for (let k = 0; k < span; k++) {
          const a = start + k;
          const b = a + span;
          const c = cos[k * stride] ?? 0;
          const s = sin[k * stride] ?? 0;
          const x = (re[b] ?? 0) * c - (im[b] ?? 0) * s;
          const y = (re[b] ?? 0) * s + (im[b] ?? 0) * c;
          re[b] = (re[a] ?? 0) - x;
          im[b] = (im[a] ?? 0) - y;
          re[a] = (re[a] ?? 0) + x;
          im[a] = (im[a] ?? 0) + y;
        }
      }
    }
  }

  return {
    forward,
    inverse(re, im) {
      forward(im, re);
      for (let i = 0; i < size; i++) {
        re[i] = (re[i] ?? 0) / size;
        im[i] = (im[i] ?? 0) / size;
      }
    },
  };
}

function reversed(value: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) result = (result << 1) | ((value >> bit) & 1);
  return result;
}

function swap(re: Float64Array, im: Float64Array, i: number, j: number): void {
  const { [i]: a = 0, [j]: b = 0 } = re;
  const { [i]: c = 0, [j]: d = 0 } = im;
  re[i] = b;
  re[j] = a;
  im[i] = d;
  im[j] = c;
}
