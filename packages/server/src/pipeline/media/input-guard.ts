/**
 * How a file that somebody sent us is named to ffmpeg. The protocol list alone is not enough: a playlist renamed to .mp4 that names another
 * local file is played in spite of it, which would let one tenant read another's files. The list of formats holds only containers
 * that carry their content themselves.
 */

/** Demuxers; playlists, concat scripts, image sequences, devices and text are left out on purpose. */
const formats = [
  ...['mov', 'matroska', 'webm', 'avi', 'flv', 'mpegts', 'mpeg', 'mpegvideo', 'asf', 'mxf', 'gif', 'ogg', 'nut', 'dv'],
  ...['wav', 'w64', 'mp3', 'aac', 'flac', 'aiff', 'caf', 'amr', 'ac3', 'eac3', 'au'],
];

/** 16384 × 16384: larger than any camera's picture, small enough that one frame fits into memory. */
const pixelsMax = 268_435_456;

/** Input options and the input, for both ffmpeg (`-i`) and ffprobe. */
export function guardedInput(file: string): string[] {
  return [
    ...['-protocol_whitelist', 'file', '-format_whitelist', formats.join(',')],
    ...['-max_pixels', String(pixelsMax), '-i', `file:${file}`],
  ];
}
