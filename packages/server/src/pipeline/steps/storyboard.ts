/**
 * Step `storyboard`: small pictures for a player's time line on sheets, `storyboard-001.jpg` …, and `storyboard.vtt`, which says by WebVTT
 * cues with media fragments (`#xywh=`, https://www.w3.org/TR/media-frags/) which picture is whose time. Costs no decoding.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type from 'typebox';
import { withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { makeSheets, tileSize, vttTime } from '../media/sheets.ts';
import { mayBeMedia } from './media-assets.ts';
import { noPictures, noTile, type SampledPictures, sampledPictures } from './sampled-pictures.ts';

const cuesName = 'storyboard.vtt';
const sheetName = (sheet: number) => `storyboard-${String(sheet).padStart(3, '0')}.jpg`;
const paramsSchema = Type.Object({
  columns: Type.Integer({ minimum: 1, maximum: 20 }),
  rows: Type.Integer({ minimum: 1, maximum: 20 }),
  tileWidth: Type.Integer({ minimum: 32, maximum: 640, multipleOf: 2 }),
});

interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly tile: { readonly width: number; readonly height: number };
}

export const storyboardStep = defineStep({
  name: 'storyboard',
  version: '1',
  class: 'light',
  priority: 54,
  attemptsMax: 3,
  timeoutMs: 120_000,
  needs: ['scan_video'],
  params: { columns: 10, rows: 10, tileWidth: 160 },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run({ asset, inputs, scratch, params, tools, signal, clock, timeoutMs }) {
    if (tools.state === 'missing') return withoutTools(tools);
    if (!tools.features.tile) return { kind: 'skipped', reason: noTile };
    const pictures = await sampledPictures(inputs);
    if (!pictures) return { kind: 'skipped', reason: noPictures };
    const { file, times } = pictures;
    const columns = Math.min(params.columns, times.length);
    const rows = Math.min(params.rows, Math.ceil(times.length / columns));
    const grid: Grid = { columns, rows, tile: tileSize(pictures.size, params.tileWidth) };
    const sheets = Math.ceil(times.length / (columns * rows));
    const request = { tools, file, folder: scratch, ...grid, only: null, signal, clock, timeoutMs };
    await makeSheets({ ...request, name: 'storyboard-%03d.jpg' });
    await writeFile(path.join(scratch, cuesName), cues(pictures, grid));
    const names = Array.from({ length: sheets }, (_, i) => sheetName(i + 1));
    return {
      kind: 'done',
      output: {
        ...{ engine: 'ffmpeg', engineVersion: tools.version, params, inputSha256: asset.id },
        ...{ storyboard: cuesName, sheets: names, pictures: times.length, ...grid },
      },
      files: [
        { name: cuesName, contentType: 'text/vtt; charset=utf-8' },
        ...names.map((name) => ({ name, contentType: 'image/jpeg' })),
      ],
    };
  },
});

/** A picture stands from its time to the next; the first from the start. */
function cues({ times, end }: SampledPictures, { columns, rows, tile }: Grid): string {
  const lines = times.map((time, i) => {
    const place = i % (columns * rows);
    const [x, y] = [(place % columns) * tile.width, Math.floor(place / columns) * tile.height];
    const sheet = sheetName(Math.floor(i / (columns * rows)) + 1);
    const [from, to] = [i === 0 ? 0 : time, times[i + 1] ?? end];
    return `${vttTime(from)} --> ${vttTime(to)}\n${sheet}#xywh=${x},${y},${tile.width},${tile.height}\n`;
  });
  return `WEBVTT\n\n${lines.join('\n')}`;
}
