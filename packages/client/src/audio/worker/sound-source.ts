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
  const input = new Input({ source: new BlobSource(blob), formats });
  const tracks = await input.getAudioTracks();
  const track = await input.getPrimaryAudioTrack();
  if (!track) throw new SkipError('not-audio', 'The file has no sound track.');
  const codec = (await track.getCodec()) ?? String(await track.getInternalCodecId());
  if (!(await track.canDecode())) throw new SkipError('cannot-decode', `This browser cannot decode ${codec}.`);
  const announced = await track.getDurationFromMetadata();
  const announcedSeconds = announced !== null && announced > 0 && Number.isFinite(announced) ? announced : null;
  if (announcedSeconds !== null && announcedSeconds > durationSecondsMax) throw tooLong();
  const durationSeconds = exact || announcedSeconds === null ? await track.computeDuration() : announcedSeconds;
  if (!(durationSeconds > 0)) throw new SkipError('empty', 'The file has a sound track without any sound.');
  if (durationSeconds > durationSecondsMax) throw tooLong();
  const facts: SourceFacts = {
    durationSeconds,
    sampleRate: await track.getSampleRate(),
    channels: await track.getNumberOfChannels(),
    codec,
    audioTracks: tracks.length,
    hasVideo: (await input.getVideoTracks()).length > 0,
  };
  return { track, facts, announcedSeconds };
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
  if (error instanceof DOMException && (error.name === 'NotReadableError' || error.name === 'NotFoundError'))
    return new SkipError('unreadable', 'The file cannot be read any more; choose it again.', error);
  return new SkipError('cannot-decode', `The file could not be decoded: ${message}`, error);
}
