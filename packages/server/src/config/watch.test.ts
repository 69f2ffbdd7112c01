import { mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';
import { watchFoldersOf } from './watch.ts';

const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'holdfast-watch-')));
afterAll(() => rmSync(dir, { recursive: true }));
const at = (name: string) => path.join(dir, name);

function foldersOf(watch: unknown, more: object = {}) {
  return watchFoldersOf(loadConfig({ env: {}, flags: { dataDir: at('data'), watch, ...more } }));
}

describe('D6: watched folders in the configuration', () => {
  it('have defaults, resolved paths, and a name that follows from the path', () => {
    symlinkSync(dir, at('link'));
    const [one] = foldersOf([{ path: at('link/in') }]);
    expect(one).toMatchObject({
      path: at('in'),
      recursive: true,
      intervalMs: 300_000,
      settleMs: 5_000,
      take: 'auto',
      outcome: 'keep',
    });
    expect(one).toMatchObject({
      completedDir: at('in/completed'),
      results: null,
      principal: 'anonymous',
      sentinel: null,
    });
    expect(foldersOf([{ path: at('in'), results: 'beside' }])[0]).toMatchObject({
      id: one?.id,
      results: { to: 'beside' },
    });
    expect(foldersOf([{ path: at('in'), results: '../out' }])[0]?.results).toEqual({ to: 'folder', path: at('out') });
  });

  it('come from the environment under the names of other systems too', () => {
    const env = {
      ORCHESTRATOR_INPUT_DIR: `${at('a')}, ${at('b')}`,
      ORCHESTRATOR_INTERVAL: '60',
      ORCHESTRATOR_STATE_DIR: at('state'),
    };
    const config = loadConfig({ env, flags: {} });
    expect(config.dataDir).toBe(at('state'));
    expect(watchFoldersOf(config).map((folder) => [folder.path, folder.intervalMs])).toEqual([
      [at('a'), 60_000],
      [at('b'), 60_000],
    ]);
    const json = loadConfig({ env: { HOLDFAST_WATCH: `[{"path":"${at('a')}","take":"copy"}]` }, flags: {} });
    expect(watchFoldersOf(json)[0]?.take).toBe('copy');
  });

  const refused: readonly [string, unknown, RegExp, object?][] = [
    ['a folder twice', [{ path: at('a') }, { path: at('a/') }], /watch\.1".*a second time/],
    ['a folder in another', [{ path: at('a/b') }, { path: at('a') }], /watch\.1".*recursive: false/],
    ['a folder in the data directory', [{ path: at('data/in') }], /in the data directory/],
    [
      'a folder for what failed around the watched one',
      [{ path: at('a'), failedDir: dir }],
      /failedDir .* has the watched folder in it/,
    ],
    [
      'no principal with authentication',
      [{ path: at('a') }],
      /principal/,
      { apiKeys: [{ principal: 'x', sha256: 'a'.repeat(64) }] },
    ],
    ['a format that is none', [{ path: at('a'), formats: ['mp4/'] }], /formats/],
    ['an unknown way to take', [{ path: at('a'), take: 'move' }], /watch/],
    ['an unknown key', [{ path: at('a'), recurse: true }], /watch/],
  ];
  it.each(refused)('refuse %s', (_what, watch, message, more) => {
    expect(() => foldersOf(watch, more)).toThrow(message);
  });

  it('may be in another one that is not recursive', () => {
    expect(foldersOf([{ path: at('a'), recursive: false }, { path: at('a/b') }])).toHaveLength(2);
  });
});
