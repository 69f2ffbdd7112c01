/** The SHA-256 of a whole file, on a thread of its own: the thread that sends has better things to do. */
import { Worker } from 'node:worker_threads';
import { siblingModule } from './sibling-module.ts';

/** 64 hex digits. `signal` ends the thread. @throws what reading the file failed with; the signal's reason. */
export function fileSha256(path: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(siblingModule(import.meta.url, 'file-digest-worker'), { workerData: { path } });
    const abort = () => {
      void worker.terminate();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    worker.once('message', (digest: string) => resolve(digest));
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', abort);
      reject(new Error(`The SHA-256 of ${path} was not finished.`));
    });
  });
}
