/** A worker that ends under its work. Real ones: test/e2e. */
import { expect, test } from 'vitest';
import { createUploadClient } from '../src/index.ts';
import { nodeTransport } from '../src/node/index.ts';
import { defaultRuntime } from '../src/runtime.ts';
import type { WorkerOrder } from '../src/worker-messages.ts';
import { WorkerTransport } from '../src/worker-transport.ts';
import { ContractServer, digestOf } from './contract-server.ts';
import { fileOf, someBytes } from './uploading.ts';

/** Says that it runs, and ends with the first order. */
class EndingWorker extends EventTarget {
  readonly orders: WorkerOrder['kind'][] = [];

  constructor() {
    super();
    setTimeout(() => this.dispatchEvent(new MessageEvent('message', { data: { kind: 'ready' } })));
  }

  postMessage({ kind }: WorkerOrder): void {
    this.orders.push(kind);
    this.dispatchEvent(new Event('error'));
  }

  terminate(): void {}
}

test('a worker that ends while it hashes a file does not end the upload: the page does it', async () => {
  await using server = await ContractServer.start();
  const inPage = nodeTransport();
  const worker = new EndingWorker();
  const createWorker = () => worker as unknown as Worker;
  const transport = new WorkerTransport({ createWorker, inPage, runtime: defaultRuntime() });
  const bytes = someBytes(2 ** 20);
  const client = createUploadClient({ endpoint: server.url, transport, chunkSize: 2 ** 19 });
  const { sha256 } = await client.add(fileOf(bytes)).done;
  expect(sha256).toBe(digestOf(bytes));
  expect(worker.orders).toEqual(['hash']);
  inPage.close();
});
