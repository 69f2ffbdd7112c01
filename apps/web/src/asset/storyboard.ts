/** `storyboard.vtt`: which small picture on which sheet is whose time (WebVTT cues with `#xywh=`, https://www.w3.org/TR/media-frags/). Pure. */
import type { Artifact } from '@holdfast/protocol';

export interface StoryboardPicture {
  /** Seconds from which it stands. */
  readonly start: number;
  /** Of the sheet. */
  readonly url: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const cue = /^(?:(\d+):)?(\d\d):(\d\d(?:\.\d+)?) -->[^\n]*\n([^\n#]+)#xywh=(\d+),(\d+),(\d+),(\d+)/gm;

/** In the order of the film. Pictures on sheets that are not among the artifacts are left out. */
export function readStoryboard(vtt: string, artifacts: readonly Artifact[]): StoryboardPicture[] {
  const urls = new Map(artifacts.map((artifact) => [artifact.name, artifact.url]));
  return [...vtt.replaceAll('\r\n', '\n').matchAll(cue)].flatMap((match) => {
    const [, hours = '0', minutes, seconds, sheet = '', ...box] = match;
    const [x = 0, y = 0, width = 0, height = 0] = box.map(Number);
    const url = urls.get(sheet);
    if (url === undefined || width === 0 || height === 0) return [];
    const start = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
    return [{ start, url, x, y, width, height }];
  });
}

export function pictureAt(pictures: readonly StoryboardPicture[], seconds: number): StoryboardPicture | null {
  return pictures.findLast((picture) => picture.start <= seconds) ?? pictures[0] ?? null;
}
