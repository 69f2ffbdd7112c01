/** Step `contact_sheet`: pictures from all over the film on one sheet, `contact-sheet.jpg`. Costs no decoding: the scan left the pictures. */
import Type from 'typebox';
import { withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { evenly } from '../media/keyframe-picker.ts';
import { makeSheets, tileSize } from '../media/sheets.ts';
import { mayBeMedia } from './media-assets.ts';
import { noPictures, noTile, sampledPictures } from './sampled-pictures.ts';

const name = 'contact-sheet.jpg';
const paramsSchema = Type.Object({
  columns: Type.Integer({ minimum: 1, maximum: 12 }),
  rowsMax: Type.Integer({ minimum: 1, maximum: 20 }),
  tileWidth: Type.Integer({ minimum: 32, maximum: 1_024, multipleOf: 2 }),
});

export const contactSheetStep = defineStep({
  name: 'contact_sheet',
  version: '1',
  class: 'light',
  priority: 55,
  attemptsMax: 3,
  timeoutMs: 120_000,
  needs: ['scan_video'],
  params: { columns: 4, rowsMax: 4, tileWidth: 320 },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run({ asset, inputs, scratch, params, tools, signal, clock, timeoutMs }) {
    if (tools.state === 'missing') return withoutTools(tools);
    if (!tools.features.tile) return { kind: 'skipped', reason: noTile };
    const pictures = await sampledPictures(inputs);
    if (!pictures) return { kind: 'skipped', reason: noPictures };
    const { file, times, size } = pictures;
    const only = evenly(times.length, params.columns * params.rowsMax);
    const columns = Math.min(params.columns, only.size);
    const rows = Math.ceil(only.size / columns);
    const tile = tileSize(size, params.tileWidth);
    await makeSheets({ tools, file, folder: scratch, tile, columns, rows, only, name, signal, clock, timeoutMs });
    return {
      kind: 'done',
      output: {
        ...{ engine: 'ffmpeg', engineVersion: tools.version, params, inputSha256: asset.id },
        ...{ contactSheet: name, columns, rows, tile, times: times.filter((_, i) => only.has(i)) },
      },
      files: [{ name, contentType: 'image/jpeg' }],
    };
  },
});
