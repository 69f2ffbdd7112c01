/**
 * What a voice sounds like, in numbers: mean and deviation of 20 mel frequency cepstral coefficients (Davis and Mermelstein 1980) and the
 * median pitch by autocorrelation. Frames of 25 ms every 10 ms at 16 kHz. Pure.
 */
import { Fft } from './spectrum.ts';

const frameLength = 400;
const hop = 160;
const fftSize = 512;
const filterCount = 26;
const coefficients = 20;
const rate = 16_000;
const [melLow, melHigh] = [80, 7_600];
const pitchSize = 1_024;
const pitchFrame = 640;
const [pitchMin, pitchMax] = [65, 400];
/** Below this a frame is no voice: as a share of its energy that repeats with the pitch. */
const voicedMin = 0.4;

export const voiceLength = 2 * coefficients + 1;

const fft = new Fft(fftSize);
const pitchFft = new Fft(pitchSize);
const window = Float64Array.from(
  { length: frameLength },
  (_, i) => 0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (frameLength - 1)),
);
const filters = melFilters();

/** `voiceLength` numbers, or null when the sound is too short to tell. The last one is log2 of the pitch in Hz, NaN without a voice. */
export function voiceOf(samples: Float32Array): Float64Array | null {
  const frames = Math.floor((samples.length - frameLength) / hop) + 1;
  if (frames < 10) return null;
  const sums = new Float64Array(coefficients);
  const squares = new Float64Array(coefficients);
  for (let frame = 0; frame < frames; frame += 1) {
    const cepstrum = cepstrumOf(samples, frame * hop);
    for (let c = 0; c < coefficients; c += 1) {
      const value = cepstrum[c] ?? 0;
      sums[c] = (sums[c] ?? 0) + value;
      squares[c] = (squares[c] ?? 0) + value * value;
    }
  }
  const voice = new Float64Array(voiceLength);
  for (let c = 0; c < coefficients; c += 1) {
    const mean = (sums[c] ?? 0) / frames;
    voice[c] = mean;
    voice[coefficients + c] = Math.sqrt(Math.max(0, (squares[c] ?? 0) / frames - mean * mean));
  }
  voice[voiceLength - 1] = medianPitch(samples);
  return voice;
}

function cepstrumOf(samples: Float32Array, start: number): Float64Array {
  const real = new Float64Array(fftSize);
  const imaginary = new Float64Array(fftSize);
  let before = start > 0 ? (samples[start - 1] ?? 0) : 0;
  for (let i = 0; i < frameLength; i += 1) {
    const sample = samples[start + i] ?? 0;
    real[i] = (sample - 0.97 * before) * (window[i] ?? 0);
    before = sample;
  }
  fft.transform(real, imaginary);
  const energies = filters.map(({ first, weights }) => {
    let energy = 0;
    weights.forEach((weight, i) => {
      const bin = first + i;
      energy += weight * ((real[bin] ?? 0) ** 2 + (imaginary[bin] ?? 0) ** 2);
    });
    return Math.log(energy + 1e-10);
  });
  // The first coefficient is loudness, which says nothing of the voice.
  return Float64Array.from({ length: coefficients }, (_, c) =>
    energies.reduce((sum, energy, i) => sum + energy * Math.cos((Math.PI * (c + 1) * (i + 0.5)) / filterCount), 0),
  );
}

function medianPitch(samples: Float32Array): number {
  const found: number[] = [];
  for (let start = 0; start + pitchFrame <= samples.length; start += 2 * hop) {
    const pitch = pitchAt(samples, start);
    if (pitch !== null) found.push(Math.log2(pitch));
  }
  found.sort((a, b) => a - b);
  return found.length < 5 ? Number.NaN : (found[Math.floor(found.length / 2)] ?? Number.NaN);
}

function pitchAt(samples: Float32Array, start: number): number | null {
  const real = new Float64Array(pitchSize);
  const imaginary = new Float64Array(pitchSize);
  for (let i = 0; i < pitchFrame; i += 1) real[i] = samples[start + i] ?? 0;
  pitchFft.transform(real, imaginary);
  // Autocorrelation is the transform of the power spectrum (Wiener and Khinchin).
  for (let i = 0; i < pitchSize; i += 1) {
    real[i] = (real[i] ?? 0) ** 2 + (imaginary[i] ?? 0) ** 2;
    imaginary[i] = 0;
  }
  pitchFft.transform(real, imaginary);
  const energy = real[0] ?? 0;
  if (energy < 1e-3 * pitchSize) return null;
  let [best, bestLag] = [0, 0];
  // Lags beyond size minus frame would wrap around.
  for (
    let lag = Math.ceil(rate / pitchMax);
    lag <= Math.min(Math.floor(rate / pitchMin), pitchSize - pitchFrame);
    lag += 1
  ) {
    const value = (real[lag] ?? 0) * (pitchFrame / (pitchFrame - lag));
    if (value > best) [best, bestLag] = [value, lag];
  }
  return best < voicedMin * energy ? null : rate / bestLag;
}

/** Triangles, evenly spaced on the mel scale, over bins of the spectrum. */
function melFilters(): { first: number; weights: number[] }[] {
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const hertz = (mels: number) => 700 * (10 ** (mels / 2595) - 1);
  const [low, high] = [mel(melLow), mel(melHigh)];
  const edges = Array.from(
    { length: filterCount + 2 },
    (_, i) => (hertz(low + ((high - low) * i) / (filterCount + 1)) * fftSize) / rate,
  );
  return Array.from({ length: filterCount }, (_, i) => {
    const [left, centre, right] = [edges[i] ?? 0, edges[i + 1] ?? 0, edges[i + 2] ?? 0];
    const first = Math.ceil(left);
    const weights: number[] = [];
    for (let bin = first; bin <= Math.floor(right); bin += 1)
      weights.push(bin <= centre ? (bin - left) / (centre - left) : (right - bin) / (right - centre));
    return { first, weights };
  });
}
