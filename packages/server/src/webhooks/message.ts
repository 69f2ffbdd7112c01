/** What receivers get: an event with what they need to act on it without asking back. */
import type { WebhookAsset, WebhookMessage, WebhookRun, WebhookUpload } from '@holdfast/protocol';
import type { RunWithSteps } from '../core/ledger.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { OwnedAsset, UploadStore } from '../core/ports/upload-store.ts';
import type { LoggedEvent, Millis, Upload } from '../core/upload.ts';
import { messageIdOf, webhookType } from '../core/webhook.ts';

/** Where the facts come from. */
export interface Sources {
  readonly uploads: Pick<UploadStore, 'find' | 'findAsset'>;
  readonly ledger: Pick<LedgerStore, 'findRun'>;
  /** A path of ours as receivers have to ask for it. */
  address(path: string): string;
}

const iso = (at: Millis): string => new Date(at).toISOString();

/** Reads each subject once, however many of its events there are. */
export class MessageWriter {
  readonly #sources: Sources;
  readonly #subjects = new Map<string, Promise<Pick<WebhookMessage, 'upload' | 'run' | 'asset'>>>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** JSON. The subject is as it is now: it can be further along than the event. */
  async write(event: LoggedEvent): Promise<string> {
    const message: WebhookMessage = {
      id: messageIdOf(event),
      type: webhookType(event),
      timestamp: iso(event.at),
      subject: { kind: event.subject, id: event.subjectId, seq: event.seq },
      principal: event.principal,
      message: event.message,
      data: { ...event.data },
      ...(await this.#subject(event)),
    };
    return JSON.stringify(message);
  }

  #subject(event: LoggedEvent): Promise<Pick<WebhookMessage, 'upload' | 'run' | 'asset'>> {
    const key = `${event.subject} ${event.subjectId}`;
    const known = this.#subjects.get(key);
    if (known) return known;
    const read = event.subject === 'upload' ? this.#upload(event.subjectId) : this.#run(event);
    this.#subjects.set(key, read);
    return read;
  }

  async #upload(id: string): Promise<{ upload?: WebhookUpload }> {
    const upload = await this.#sources.uploads.find(id);
    // It may have been purged, if the server was down for long; the event tells what it can.
    return upload === null ? {} : { upload: this.#uploadOf(upload) };
  }

  async #run(event: LoggedEvent): Promise<{ run?: WebhookRun; asset?: WebhookAsset }> {
    const run = await this.#sources.ledger.findRun(event.subjectId);
    if (run === null) return {};
    const asset = await this.#sources.uploads.findAsset(run.assetId, event.principal);
    return asset === null ? { run: runOf(run) } : { run: runOf(run), asset: this.#assetOf(asset) };
  }

  #contentOf(assetId: string): string {
    return this.#sources.address(`/v1/assets/${assetId}/content`);
  }

  #uploadOf(upload: Upload): WebhookUpload {
    const { phase } = upload;
    return {
      id: upload.id,
      protocol: upload.protocol,
      filename: upload.filename,
      safeName: upload.safeName,
      contentType: upload.contentType,
      size: upload.size,
      receivedBytes: upload.receivedBytes,
      state: phase.name,
      sha256: phase.name === 'completed' ? phase.assetId : phase.name === 'assembling' ? phase.digest : null,
      contentUrl: phase.name === 'completed' ? this.#contentOf(phase.assetId) : null,
      failure: phase.name === 'failed' ? { code: phase.code, reason: phase.reason } : null,
      metadata: { ...upload.metadata },
      createdAt: iso(upload.createdAt),
    };
  }

  #assetOf(asset: OwnedAsset): WebhookAsset {
    const [source] = asset.sources;
    return {
      sha256: asset.id,
      size: asset.size,
      contentType: asset.contentType,
      filename: source?.filename ?? asset.id,
      uploadId: source?.uploadId ?? null,
      metadata: { ...source?.metadata },
      contentUrl: this.#contentOf(asset.id),
    };
  }
}

function runOf(run: RunWithSteps): WebhookRun {
  const { id, pipeline, pipelineVersion, state, createdAt, finishedAt } = run;
  const steps = run.steps.map((step) => ({ name: step.name, state: step.state, reason: step.reason }));
  const finished = finishedAt === null ? null : iso(finishedAt);
  return { id, pipeline, pipelineVersion, state, steps, createdAt: iso(createdAt), finishedAt: finished };
}
