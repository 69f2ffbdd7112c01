/** What the native dialect needs from the HTTP layer and the services; passed in by the composition root. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Limits } from '../../core/limits.ts';
import type { ArtifactStore } from '../../core/ports/artifact-store.ts';
import type { BlobStore } from '../../core/ports/blob-store.ts';
import type { BodySource } from '../../core/ports/body-source.ts';
import type { DirectBlobs } from '../../core/ports/direct-blobs.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { PipelineAdmin } from '../../core/ports/pipeline-admin.ts';
import type { RunControl } from '../../core/ports/run-control.ts';
import type { RunQuestions } from '../../core/ports/run-questions.ts';
import type { SearchStore } from '../../core/ports/search-store.ts';
import type { EventQuery, UploadStore } from '../../core/ports/upload-store.ts';
import type { WatchAdmin } from '../../core/ports/watch-admin.ts';
import type { WebhookAdmin } from '../../core/ports/webhook-admin.ts';
import type { Caller } from '../../uploads/caller.ts';
import type { Deletion } from '../../uploads/deletion.ts';
import type { UploadService } from '../../uploads/service.ts';

export interface NativeContext {
  readonly uploads: UploadService;
  readonly deletion: Pick<Deletion, 'delete'>;
  readonly store: UploadStore;
  readonly ledger: LedgerStore;
  readonly control: RunControl;
  readonly questions: RunQuestions;
  /** How many steps of each class run at once on this node. */
  readonly classLimits: Readonly<Record<string, number>>;
  readonly search: SearchStore;
  readonly blobs: BlobStore;
  readonly artifacts: ArtifactStore;
  /** Hands out addresses for the content of assets; null: they are read through the server. */
  readonly downloads: DirectBlobs | null;
  readonly webhooks: WebhookAdmin;
  readonly watch: WatchAdmin;
  readonly pipelines: PipelineAdmin;
  readonly limits: Limits;
  readonly version: string;
  readonly durability: 'synced' | 'committed';
  now(): number;
  /** Resolves once `ended` says so or the milliseconds are over. */
  until(ended: () => Promise<boolean>, ms: number): Promise<void>;
  /** Wakes the pipeline when something was put back to pending. */
  notifyPipeline(): void;
  /** Who asks, for the upload service: it holds the bearer of an upload token to its bounds. */
  caller(request: FastifyRequest): Caller;
  /** The principal, for everything else. Throws `token-scope` for the bearer of an upload token. */
  principal(request: FastifyRequest): string;
  /** Whether the principal may look after what belongs to everybody. */
  isAdmin(principal: string): boolean;
  /** The raw body of a request whose content type has no parser. */
  body(request: FastifyRequest): BodySource;
  /** Answers with a live event stream (WHATWG HTML, server-sent events). */
  stream(reply: FastifyReply, query: Omit<EventQuery, 'limit'>): void;
}
