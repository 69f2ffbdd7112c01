/** Settings of watched folders, checked: paths resolved, contradictions refused. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { HoldfastError } from '../core/errors.ts';
import { isMediaRange } from '../core/media-type.ts';
import type { WatchFolder } from '../core/watch.ts';
import type { Config } from './schema.ts';

type Entry = Config['watch'][number];

const standardFormats = ['video/*', 'audio/*', 'application/ogg', 'application/mxf', 'application/vnd.ms-asf'];

/** Throws `invalid-request` that names the setting and what it takes. A folder that is not there yet is fine: it counts as offline. */
export function watchFoldersOf(config: Config): readonly WatchFolder[] {
  const data = real(resolve(config.dataDir));
  const folders = config.watch.map((entry, i) => folderOf(entry, i, config));
  folders.forEach((folder, i) => {
    if (within(folder.path, data))
      throw refused(i, `path ${folder.path} is in the data directory ${data}. Watch another folder.`);
    folders.slice(0, i).forEach((other) => {
      if (folder.path === other.path) throw refused(i, `path names ${folder.path} a second time.`);
      const [outer, inner] = within(folder.path, other.path) ? [other, folder] : [folder, other];
      if (outer.recursive && within(inner.path, outer.path))
        throw refused(
          i,
          `path: ${inner.path} is in ${outer.path}, which is watched with all that is in it. Each file belongs to one folder: take one of them out, or set recursive: false for ${outer.path}.`,
        );
    });
  });
  return folders;
}

function folderOf(entry: Entry, i: number, config: Config): WatchFolder {
  const path = real(resolve(entry.path));
  const open = config.apiKeys.length === 0 && config.jwksUrl === undefined;
  if (entry.principal === undefined && !open)
    throw refused(i, 'principal says whose the files are; with authentication it is needed.');
  const wrong = entry.formats?.find((range) => !isMediaRange(range));
  if (wrong !== undefined)
    throw refused(i, `formats has "${wrong}", which is no media type such as video/* or audio/mpeg.`);
  const dir = (given: string | undefined, name: string) => (given === undefined ? join(path, name) : from(path, given));
  const completedDir = dir(entry.completedDir, 'completed');
  const failedDir = dir(entry.failedDir, 'failed');
  for (const [name, own] of Object.entries({ completedDir, failedDir }))
    if (within(path, own)) throw refused(i, `${name} ${own} has the watched folder in it.`);
  return {
    id: createHash('sha256').update(path).digest('hex').slice(0, 16),
    path,
    recursive: entry.recursive ?? true,
    intervalMs: Math.ceil((entry.intervalSeconds ?? config.watchIntervalSeconds) * 1000),
    settleMs: Math.ceil((entry.settleSeconds ?? config.watchSettleSeconds) * 1000),
    formats: entry.formats ?? standardFormats,
    take: entry.take ?? 'auto',
    outcome: entry.outcome ?? 'keep',
    completedDir,
    failedDir,
    results: resultsOf(entry, path, i),
    sentinel: entry.sentinel ?? null,
    principal: entry.principal ?? 'anonymous',
    metadata: entry.metadata ?? {},
  };
}

function resultsOf({ results }: Entry, path: string, i: number): WatchFolder['results'] {
  if (results === undefined || results === 'none') return null;
  if (results === 'beside') return { to: 'beside' };
  const folder = from(path, results);
  if (within(path, folder)) throw refused(i, `results ${folder} has the watched folder in it.`);
  return { to: 'folder', path: folder };
}

/** Relative to the watched folder. */
function from(path: string, given: string): string {
  return real(isAbsolute(given) ? resolve(given) : resolve(path, given));
}

/** Without links, as far as it is there. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = resolve(path, '..');
    return parent === path ? path : join(real(parent), path.slice(parent === '/' ? 1 : parent.length + 1));
  }
}

function within(inner: string, outer: string): boolean {
  const path = relative(outer, inner);
  return path === '' || (!path.startsWith('..') && !isAbsolute(path));
}

function refused(i: number, what: string): HoldfastError {
  return new HoldfastError('invalid-request', `Setting "watch.${i}": ${what}`);
}
