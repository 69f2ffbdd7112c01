/** Worker thread: takes raw bytes of frames in any portions, gives back rows of measurements. Started by `frame-meter.ts`. */
import { parentPort } from 'node:worker_threads';
import { FrameMeasurer, frameBytes, rowLength } from './frame-metrics.ts';

/** To the worker: bytes, or null at the end. */
export type ToWorker = Uint8Array | null;

export interface FromWorker {
  /** `rowLength` numbers per frame that was completed. */
  readonly rows: Float32Array;
  /** Bytes that were taken with this message. */
  readonly taken: number;
  /** The answer to the end. */
  readonly ended: boolean;
}

const measurer = new FrameMeasurer();
const frame = new Uint8Array(frameBytes);
let filled = 0;

function take(chunk: Uint8Array): Float32Array {
  const rows = new Float32Array(Math.floor((filled + chunk.length) / frameBytes) * rowLength);
  let at = 0;
  for (let row = 0; at < chunk.length; ) {
    const part = chunk.subarray(at, at + frameBytes - filled);
    frame.set(part, filled);
    at += part.length;
    filled += part.length;
    if (filled < frameBytes) break;
    filled = 0;
    measurer.measure(frame, rows.subarray(row, row + rowLength));
    row += rowLength;
  }
  return rows;
}

const port = parentPort;
port?.on('message', (message: ToWorker) => {
  const rows = message === null ? new Float32Array(0) : take(message);
  const answer: FromWorker = { rows, taken: message?.length ?? 0, ended: message === null };
  port.postMessage(answer, [rows.buffer as ArrayBuffer]);
});
