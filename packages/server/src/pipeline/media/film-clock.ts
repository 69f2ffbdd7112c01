/** The clock of the film for runs of ffmpeg that take only the sound. Pure. */
import type { MediaInfo } from './media-info.ts';

/** Containers in which ffmpeg lets time begin with the tracks that are taken, and not with the file. */
const clockless = ['mpegts', 'mpeg', 'ogg'];

export type FilmTracks = Pick<MediaInfo, 'container' | 'video'>;

/** A last output, to nowhere: the picture, not decoded, so that sound that begins later than it stays so. */
export function onFilmClock({ container, video }: FilmTracks, secondsMax: number): string[] {
  const needed = container.split(',').some((name) => clockless.includes(name));
  if (video === null || !needed) return [];
  return ['-map', `0:${video.index}`, '-c', 'copy', '-t', String(secondsMax), '-f', 'null', '-'];
}
