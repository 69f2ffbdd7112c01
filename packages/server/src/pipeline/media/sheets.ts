/** Puts pictures of a Motion JPEG that a step of ours made into sheets: contact sheets and storyboards. */
import { open } from 'node:fs/promises';
import type { Clock } from '../../core/ports/clock.ts';
import { plainDiagnostics } from './probe.ts';
import { quietly, runTool } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';

export interface SheetRequest {
  readonly tools: ReadyTools;
  /** The Motion JPEG. */
  readonly file: string;
  /** Folder in which the sheets are made. */
  readonly folder: string;
  readonly tile: { readonly width: number; readonly height: number };
  readonly columns: number;
  readonly rows: number;
  /** Which pictures, by their place from 0; all when null. */
  readonly only: ReadonlySet<number> | null;
  /** Name of the sheet, or ffmpeg's pattern for several: `storyboard-%03d.jpg`. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const sheetBytesMax = 64 * 1024 * 1024;

export async function makeSheets(request: SheetRequest): Promise<void> {
  const { tools, file, tile, columns, rows, only } = request;
  const select = only ? [`select='${[...only].map((n) => `eq(n,${n})`).join('+')}'`] : [];
  const filters = [...select, `scale=${tile.width}:${tile.height}`, `tile=${columns}x${rows}`];
  const exit = await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[...quietly(tools), '-protocol_whitelist', 'file', '-f', 'mjpeg', '-i', `file:${file}`],
      ...['-vf', filters.join(','), '-c:v', 'mjpeg', '-q:v', '4', '-f', 'image2', request.name],
    ],
    signal: request.signal,
    clock: request.clock,
    timeoutMs: request.timeoutMs,
    outputs: [],
    cwd: request.folder,
    fileBytesMax: sheetBytesMax,
  });
  if (exit.code !== 0)
    throw new Error(`ffmpeg could not join the pictures: ${plainDiagnostics(exit.stderrTail, file)}`);
}

const headBytes = 64 * 1024;

/** Size of the first picture: the frame header (ITU-T T.81 §B.2.2) of a baseline or progressive JPEG. */
export async function jpegSize(file: string): Promise<{ width: number; height: number }> {
  const handle = await open(file, 'r');
  try {
    const head = Buffer.alloc(headBytes);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    for (let at = 2; at + 9 < bytesRead; at += 2 + head.readUInt16BE(at + 2)) {
      if (head[at] !== 0xff) break;
      const marker = head[at + 1] ?? 0;
      if (marker >= 0xc0 && marker <= 0xc2)
        return { height: head.readUInt16BE(at + 5), width: head.readUInt16BE(at + 7) };
    }
  } finally {
    await handle.close();
  }
  throw new Error('The pictures of the scan are not JPEGs');
}

/** The size of a tile of this width, with even lengths and the picture's shape. */
export function tileSize(
  picture: { readonly width: number; readonly height: number },
  width: number,
): { width: number; height: number } {
  const height = Math.max(2, 2 * Math.round((width * picture.height) / picture.width / 2));
  return { width, height };
}

/** `HH:MM:SS.mmm` as WebVTT has it. */
export function vttTime(seconds: number): string {
  const millis = Math.round(seconds * 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = [Math.floor(millis / 3_600_000), Math.floor(millis / 60_000) % 60, Math.floor(millis / 1000) % 60];
  return `${clock.map(two).join(':')}.${String(millis % 1000).padStart(3, '0')}`;
}
