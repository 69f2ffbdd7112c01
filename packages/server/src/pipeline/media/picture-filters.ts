/** Filters that turn decoded frames into pictures for people, as texts of ffmpeg's filter language. Pure. */

/** Square pixels, the long side at most `pixels`, even lengths for 4:2:0. The picture is turned upright by ffmpeg before. */
export function fitWithin(pixels: number): string {
  const shrink = `min(1,${pixels}/max(iw*sar,ih))`;
  const even = (length: string) => `2*max(1,round(${shrink}*${length}/2))`;
  return `scale=w='${even('iw*sar')}':h='${even('ih')}',setsar=1`;
}

/** Prints the time of every frame to a descriptor; `print` skips frames without metadata, so each gets some. */
export function printEach(filter: 'metadata' | 'ametadata', fd: number): string {
  return `${filter}=mode=add:key=seen:value=1,${printMarked(filter, fd)}`;
}

/** Prints what detectors noted on frames, with the times. */
export function printMarked(filter: 'metadata' | 'ametadata', fd: number): string {
  return `${filter}=mode=print:file='pipe\\:${fd}':direct=1`;
}

/** JPEGs one behind the other on a pipe. */
export function jpegsTo(fd: number): string[] {
  return ['-c:v', 'mjpeg', '-q:v', '4', '-threads', '1', '-f', 'image2pipe', `pipe:${fd}`];
}
