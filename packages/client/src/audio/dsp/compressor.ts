/** Gentle dynamics: what is loud becomes a little less loud, what is not stays bit for bit what it was. */
import { type Stage, samplewise } from './stage.ts';

export interface CompressorSettings {
  /** Level in dBFS (RMS) around which it begins. */
  readonly thresholdDb: number;
  /** dB in for one dB out, far above the threshold. At most 2: more costs recognition. */
  readonly ratio: number;
  /** Width of the bend around the threshold, in dB. */
  readonly kneeDb: number;
  /** Time over which the level is averaged. */
  readonly attackMs: number;
  readonly releaseMs: number;
}

/** Nothing happens below −24 dBFS; a tone at full scale (−3 dBFS RMS) comes out 7.5 dB lower. */
export const gentle: CompressorSettings = { thresholdDb: -18, ratio: 2, kneeDb: 12, attackMs: 10, releaseMs: 200 };

/** Feed-forward compressor with a soft knee (Giannoulis, Massberg, Reiss: JAES 60(6), 2012). No make-up gain. */
export function compressor(sampleRate: number, settings: CompressorSettings = gentle): Stage {
  const { thresholdDb, ratio, kneeDb } = settings;
  if (!(ratio >= 1 && ratio <= 2)) throw new RangeError(`The ratio is from 1 to 2, not ${ratio}.`);
  const follow = 1 - Math.exp(-1000 / (settings.attackMs * sampleRate));
  const release = 1 - Math.exp(-1000 / (settings.releaseMs * sampleRate));
  const slope = 1 / ratio - 1;
  const quietPower = 10 ** ((thresholdDb - kneeDb / 2) / 10);
  let power = 0;
  let reductionDb = 0;
  return samplewise((x) => {
    power += follow * (x * x - power);
    if (power < 1e-25) power = 0;
    const wantedDb = power <= quietPower ? 0 : gainDb(10 * Math.log10(power) - thresholdDb, kneeDb, slope);
    reductionDb = wantedDb < reductionDb ? wantedDb : reductionDb + release * (wantedDb - reductionDb);
    // Below a thousandth of a dB it lets go, so that what is quiet stays exactly what it was.
    if (reductionDb > -0.001) reductionDb = 0;
    return reductionDb === 0 ? x : x * 10 ** (reductionDb / 20);
  });
}

/** The static curve: `overDb` is the level above the threshold. */
function gainDb(overDb: number, kneeDb: number, slope: number): number {
  return 2 * overDb >= kneeDb ? slope * overDb : (slope * (overDb + kneeDb / 2) ** 2) / (2 * kneeDb);
}
