/** Whether, and how, this browser encodes Opus. */
import { voiceRate } from '../dsp/voice-chain.ts';
import { SkipError } from '../skipped.ts';

/** What `AudioEncoder` takes for Opus beside rate and channels. */
export type OpusDetails = AudioEncoderConfig['opus'];

export interface OpusAbility {
  /** Whether frames can be longer than 20 ms. */
  readonly longFrames: boolean;
  /** Undefined where the browser does not take any. */
  detailsFor(bitrate: number, frameMs: number): OpusDetails;
}

/**
 * Asks the browser, never its name. Members of the configuration that came later are tried first and left out if it refuses them.
 * @throws SkipError `cannot-encode`
 */
export async function findOpus(): Promise<OpusAbility> {
  if (typeof AudioEncoder === 'undefined') throw new SkipError('cannot-encode', noEncoder());
  const abilities: readonly OpusAbility[] = [
    { longFrames: true, detailsFor: forVoice },
    { longFrames: true, detailsFor: (_bitrate, frameMs) => ({ frameDuration: frameMs * 1000 }) },
    { longFrames: false, detailsFor: () => undefined },
  ];
  for (const ability of abilities) {
    const opus = ability.detailsFor(32_000, 60);
    const config = {
      codec: 'opus',
      sampleRate: voiceRate,
      numberOfChannels: 1,
      bitrate: 32_000,
      ...(opus && { opus }),
    };
    // Browsers throw at values that they do not know.
    const { supported } = await AudioEncoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (supported) return ability;
  }
  throw new SkipError('cannot-encode', 'This browser does not encode Opus at 16 kHz.');
}

/** At low rates Opus' own model of speech is used (SILK); complexity 5 takes half the time, and nothing is heard of it. */
function forVoice(bitrate: number, frameMs: number): OpusDetails {
  const model = bitrate <= 32_000 ? { application: 'voip', complexity: 5 } : { application: 'audio' };
  // TypeScript's list of members is older than the browsers'.
  const details: OpusEncoderConfig & Readonly<Record<string, unknown>> = { signal: 'voice', ...model };
  return { ...details, frameDuration: frameMs * 1000 };
}

function noEncoder(): string {
  return globalThis.isSecureContext
    ? 'This browser cannot encode audio (Safari before 26 and Firefox for Android cannot).'
    : 'Browsers encode audio only in pages that come over HTTPS or from localhost.';
}
