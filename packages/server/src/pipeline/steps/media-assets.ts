/** Which assets the media steps are for. */
import type { Asset } from '../../core/asset.ts';
import { PermanentStepError } from '../context.ts';

const containers = /^application\/(octet-stream|ogg|mxf|mp4|x-matroska|vnd\.apple\.mpegurl)?$/;

/** Audio, video, and what may be either: the probe looks into the file itself. Playlists are let through to be refused with a reason. */
export function mayBeMedia(asset: Asset): boolean {
  const type = asset.contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  return type === '' || /^(video|audio)\//.test(type) || containers.test(type);
}

/** An empty file needs no tool to be refused. */
export function refuseEmpty(asset: Asset): void {
  if (asset.size === 0) throw new PermanentStepError('The file is empty.');
}
