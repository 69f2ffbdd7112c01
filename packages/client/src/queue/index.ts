/** `@holdfast/client/queue`: uploads that survive the tab, the browser and the server. See docs/queue.md. */
export type { QueueError, QueueItem, QueueKeeping, QueuePriority, QueueStatus } from './queue-item.ts';
export { queuePriorities, queueStatuses } from './queue-item.ts';
export type { QueueMetrics, QueueRole, QueueSnapshot, QueueStorage } from './queue-snapshot.ts';
export type {
  Prepare,
  QueueAddOptions,
  QueueEventName,
  QueueEvents,
  QueueRecording,
  QueueUploadConfig,
  UploadQueue,
  UploadQueueOptions,
} from './upload-queue.ts';
export { UploadQueueManager } from './upload-queue-manager.ts';
