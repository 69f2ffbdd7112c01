/** What page and worker say to each other. */
import type { TransportRequest, TransportResponse } from './transport.ts';

/** To the worker. `id` is of the job that it begins or ends. */
export type WorkerOrder =
  | { readonly kind: 'send'; readonly id: number; readonly request: TransportRequest; readonly reportsSent: boolean }
  | { readonly kind: 'hash'; readonly id: number; readonly blob: Blob }
  | { readonly kind: 'abort'; readonly id: number };

/** From the worker. `ready` once, before anything else. */
export type WorkerReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'sent'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'answered'; readonly id: number; readonly response: TransportResponse }
  | { readonly kind: 'hashed'; readonly id: number; readonly sha256: string }
  /** `unreadable`: the Blob could not be read; otherwise no answer came. */
  | { readonly kind: 'failed'; readonly id: number; readonly unreadable: boolean; readonly message: string };
