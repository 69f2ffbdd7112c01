/**
 * Whether browsers play a file as it is, and what the least is that makes one that they play. Decided by container, codecs and pixel
 * format, for what Chrome, Firefox and Safari of the last years have in common. Pure.
 */
import { hasTimes, type MediaInfo, type VideoStream } from './media-info.ts';

export type Treatment = 'copy' | 'encode';

export type RenditionPlan =
  | { readonly kind: 'not-needed'; readonly reason: string }
  | {
      readonly kind: 'needed';
      /** What browsers cannot do with the original. */
      readonly reason: string;
      readonly name: 'rendition.mp4' | 'rendition.m4a';
      readonly video: Treatment | null;
      readonly audio: Treatment | null;
    };

interface Container {
  readonly title: string;
  readonly video: readonly string[];
  readonly audio: readonly string[];
}

const mp4: Container = { title: 'MP4', video: ['h264', 'vp9', 'av1'], audio: ['aac', 'mp3', 'opus', 'flac'] };
const webm: Container = { title: 'WebM', video: ['vp8', 'vp9', 'av1'], audio: ['opus', 'vorbis'] };
const soundFiles: Readonly<Record<string, Container>> = {
  mp3: { title: 'MP3', video: [], audio: ['mp3'] },
  flac: { title: 'FLAC', video: [], audio: ['flac'] },
  aac: { title: 'AAC', video: [], audio: ['aac'] },
  ogg: { title: 'Ogg', video: [], audio: ['opus', 'vorbis', 'flac'] },
  wav: { title: 'WAV', video: [], audio: ['pcm_u8', 'pcm_s16le', 'pcm_s24le', 'pcm_f32le'] },
};

/** Pixel formats that decoders of browsers give out, by codec; the others have only profiles that all of them take. */
const pixelFormats: Readonly<Record<string, readonly string[]>> = {
  h264: ['yuv420p', 'yuvj420p'],
  vp9: ['yuv420p', 'yuv420p10le'],
  av1: ['yuv420p', 'yuv420p10le'],
};

/** What an MP4 may carry for browsers without being encoded again. */
const copiedVideo = ['h264', 'vp9', 'av1'];
const copiedAudio = ['aac', 'mp3'];

/** `isWebm`: the file says in its head that it is WebM; ffprobe does not tell that from Matroska. */
export function planRendition(media: MediaInfo, isWebm: boolean): RenditionPlan {
  const container = containerOf(media, isWebm);
  const { video, audio } = media;
  const troubles: string[] = [];
  if (!container) troubles.push(`the container (${containerTitle(media)})`);
  const videoPlays = !video || ((container ?? mp4).video.includes(video.codec) && pixelsPlay(video));
  const audioPlays = !audio || (container ?? mp4).audio.includes(audio.codec);
  if (video && !videoPlays)
    troubles.push(`the picture (${video.codec}, ${video.pixelFormat ?? 'unknown pixel format'})`);
  if (audio && !audioPlays) troubles.push(`the sound (${audio.codec})`);
  if (troubles.length === 0) {
    const codecs = [video?.codec, audio?.codec].filter((codec) => codec !== undefined);
    return {
      kind: 'not-needed',
      reason: `Browsers play the original: ${container?.title} with ${codecs.join(' and ')}.`,
    };
  }
  return {
    kind: 'needed',
    reason: `Browsers do not play ${troubles.join(' and ')}.`,
    name: video ? 'rendition.mp4' : 'rendition.m4a',
    video: video && (copiedVideo.includes(video.codec) && pixelsPlay(video) && hasTimes(media) ? 'copy' : 'encode'),
    audio: audio && (copiedAudio.includes(audio.codec) ? 'copy' : 'encode'),
  };
}

function containerOf(media: MediaInfo, isWebm: boolean): Container | null {
  const names = media.container.split(',');
  if (names.includes('mp4')) return media.brand === 'qt' ? null : mp4;
  if (names.includes('webm')) return isWebm ? webm : null;
  if (media.video) return null;
  return soundFiles[names[0] ?? ''] ?? null;
}

function containerTitle({ container, brand }: MediaInfo): string {
  if (brand === 'qt') return 'QuickTime';
  return container.startsWith('matroska') ? 'Matroska' : (container.split(',')[0] ?? 'unknown');
}

function pixelsPlay({ codec, pixelFormat }: VideoStream): boolean {
  const known = pixelFormats[codec];
  return known === undefined || (pixelFormat !== null && known.includes(pixelFormat));
}
