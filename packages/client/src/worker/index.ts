/** The worker: reads Blobs, hashes them, sends them. Bundled into `dist/worker.js` by scripts/bundle.mjs. */
import { sendWithDigest } from '../body-digest.ts';
import { sha256Hex } from '../sha256.ts';
import { UploadError } from '../upload-error.ts';
import { blobBytes } from '../upload-source.ts';
import type { WorkerOrder, WorkerReport } from '../worker-messages.ts';
import { xhrTransport } from '../xhr-transport.ts';

const transport = xhrTransport();
const jobs = new Map<number, AbortController>();

function report(message: WorkerReport): void {
  globalThis.postMessage(message);
}

async function perform(order: Exclude<WorkerOrder, { kind: 'abort' }>, signal: AbortSignal): Promise<WorkerReport> {
  const { id } = order;
  if (order.kind === 'hash') return { kind: 'hashed', id, sha256: await sha256Hex(await blobBytes(order.blob)) };
  const onSent = (bytes: number) => report({ kind: 'sent', id, bytes });
  const options = order.reportsSent ? { signal, onSent } : { signal };
  return { kind: 'answered', id, response: await sendWithDigest(transport, order.request, options) };
}

async function run(order: Exclude<WorkerOrder, { kind: 'abort' }>): Promise<void> {
  const job = new AbortController();
  jobs.set(order.id, job);
  try {
    report(await perform(order, job.signal));
  } catch (error) {
    const unreadable = error instanceof UploadError && error.code === 'source-unreadable';
    report({ kind: 'failed', id: order.id, unreadable, message: String(error) });
  } finally {
    jobs.delete(order.id);
  }
}

globalThis.addEventListener('message', ({ data }: MessageEvent<WorkerOrder>) => {
  if (data.kind === 'abort') jobs.get(data.id)?.abort();
  else void run(data);
});
report({ kind: 'ready' });
