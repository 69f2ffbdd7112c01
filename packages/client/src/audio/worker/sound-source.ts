/** Finds the sound in a file. */
import {
  ADTS,
  BlobSource,
  FLAC,
  Input,
  type InputAudioTrack,
  MATROSKA,
  MP3,
  MP4,
  OGG,
  QTFF,
  UnsupportedInputFormatError,
  WAVE,
  WEBM,
} from 'mediabunny';
import type { SourceFacts } from '../messages.ts';
import { durationSecondsMax } from '../presets.ts';
import { SkipError } from '../skipped.ts';

/** By name, so that the worker does not carry the others. */
const formats = [WAVE, MP3, MP4, QTFF, WEBM, MATROSKA, OGG, FLAC, ADTS];

/** Hz; outside of them, it is the head of the file that is wrong. */
const sampleRates = { min: 1000, max: 768_000 };
const channelsMax = 32;
const readCacheBytes = 2 * 1024 * 1024;
/** The letters RIFF. */
const riff = 0x52494646;

export interface SoundSource {
  readonly track: InputAudioTrack;
  readonly facts: SourceFacts;
  /** What the head of the file says, in seconds; null where it says nothing. */
  readonly announcedSeconds: number | null;
}

/**
 * Opens the main sound track. `exact` reads as far as it takes to know the duration to the packet; otherwise what the head says is believed.
 * @throws SkipError
 */
export async function openSound(blob: Blob, exact: boolean): Promise<SoundSource> {
  try {
    return await open(blob, exact);
  } catch (error) {
    throw asSkip(error);
  }
}

async function open(blob: Blob, exact: boolean): Promise<SoundSource> {
  const input = new Input({ source: new BlobSource(blob, { maxCacheSize: readCacheBytes }), formats });
  const tracks = await input.getAudioTracks();
  const track = await input.getPrimaryAudioTrack();
  if (!track) throw new SkipError('not-audio', 'The file has no sound track.');
  const codec = (await track.getCodec()) ?? String(await track.getInternalCodecId());
  if (!(await track.canDecode())) throw new SkipError('cannot-decode', `This browser cannot decode ${codec}.`);
  const [sampleRate, channels] = [await track.getSampleRate(), await track.getNumberOfChannels()];
  if (sampleRate < sampleRates.min || sampleRate > sampleRates.max || channels < 1 || channels > channelsMax)
    throw new SkipError(
      'cannot-decode',
      `Sound of ${sampleRate} Hz with ${channels} channels is none that can be compressed.`,
    );
  if (await isCutWave(blob)) throw new SkipError('damaged', 'The file is shorter than its head says: it is cut off.');
  const announced = await track.getDurationFromMetadata();
  const announcedSeconds = announced !== null && announced > 0 && Number.isFinite(announced) ? announced : null;
  if (announcedSeconds !== null && announcedSeconds > durationSecondsMax) throw tooLong();
  const durationSeconds = exact || announcedSeconds === null ? await track.computeDuration() : announcedSeconds;
  if (!(durationSeconds > 0) && (announcedSeconds ?? 0) > 1)
    throw new SkipError('damaged', 'The file announces sound and has none: it is cut off or damaged.');
  if (!(durationSeconds > 0)) throw new SkipError('empty', 'The file has a sound track without any sound.');
  if (durationSeconds > durationSecondsMax) throw tooLong();
  const facts: SourceFacts = {
    durationSeconds,
    sampleRate,
    channels,
    codec,
    audioTracks: tracks.length,
    hasVideo: (await input.getVideoTracks()).length > 0,
  };
  return { track, facts, announcedSeconds };
}

/** The length of a WAV is taken from the file, so that nothing else would tell. Recorders that stream leave 0 or all ones in the head. */
async function isCutWave(blob: Blob): Promise<boolean> {
  const head = new DataView(await blob.slice(0, 8).arrayBuffer());
  if (head.byteLength < 8 || head.getUint32(0) !== riff) return false;
  const size = head.getUint32(4, true);
  return size !== 0xffffffff && size > blob.size;
}

export function tooLong(): SkipError {
  return new SkipError('too-long', 'Recordings of more than 24 hours are not compressed.');
}

/** What reading or decoding threw, as a reason. */
export function asSkip(error: unknown): SkipError {
  if (error instanceof SkipError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UnsupportedInputFormatError)
    return new SkipError('not-audio', 'The file is none of WAV, MP3, MP4, MOV, WebM, MKV, Ogg, FLAC, AAC.', error);
  return new SkipError('cannot-decode', `The file could not be decoded: ${message}`, error);
}

/** Browsers tell in many words that a file is gone; only reading it is certain. */
export async function isReadable(blob: Blob): Promise<boolean> {
  return blob
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );
}
