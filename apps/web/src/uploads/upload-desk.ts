/**
 * The uploads of this page: gives picked files to the engine, has them continue what an earlier visit left unfinished, remembers,
 * announces. The engine's handles stay the source of truth for each upload; here is only the list.
 */
import type { UploadClient, UploadHandle, UploadSnapshot } from '@holdfast/client';
import type { UploadSummary } from '@holdfast/protocol';
import type { Api } from '../api/api.ts';
import { createStore, type Watchable } from '../state/store.ts';
import { lastModifiedField, matchUnfinished } from './match-unfinished.ts';
import type { RememberedUploads } from './remembered.ts';
import { announcement, uploadWords } from './upload-words.ts';

export interface Totals {
  /** Uploads that are not over. */
  readonly active: number;
  /** Of their bytes. */
  readonly fraction: number;
}

export interface UploadDesk {
  readonly handles: Watchable<readonly UploadHandle[]>;
  readonly totals: Watchable<Totals>;
  /** Never rejects: an unreachable server is the engine's to wait for. */
  addFiles(files: readonly File[]): Promise<void>;
  /** Takes it off the list; cancels it first if it is not over. */
  remove(handle: UploadHandle): void;
  removeFinished(): void;
  /** Whether this browser began the upload. */
  isOwn(uploadId: string): boolean;
  /** Whether it was taken off the list here; the server may still be hearing of it. */
  isGone(uploadId: string): boolean;
  /** Frees what an unfinished upload holds on the server. */
  discard(upload: UploadSummary): Promise<void>;
}

export interface UploadDeskOptions {
  readonly client: UploadClient;
  readonly api: Api;
  readonly remembered: RememberedUploads;
  announce(text: string): void;
  /** The server refused an upload for want of credentials. */
  onSignedOut(): void;
}

export function createUploadDesk(options: UploadDeskOptions): UploadDesk {
  return new Desk(options);
}

class Desk implements UploadDesk {
  readonly handles = createStore<readonly UploadHandle[]>([]);
  readonly totals = createStore<Totals>({ active: 0, fraction: 0 });
  readonly #options: UploadDeskOptions;
  readonly #stops = new Map<UploadHandle, () => void>();
  readonly #gone = new Set<string>();

  constructor(options: UploadDeskOptions) {
    this.#options = options;
  }

  async addFiles(files: readonly File[]): Promise<void> {
    const { api, announce } = this.#options;
    const unfinished = await api.unfinishedUploads().catch(() => null);
    const taken = this.#liveIds();
    for (const file of files) {
      if (isOnItsWay(this.handles.getSnapshot(), file)) {
        announce(`${file.name} is on its way already.`);
        continue;
      }
      const free = unfinished?.filter((upload) => !taken.has(upload.id)) ?? null;
      const resumeId = this.#earlierUpload(file, free);
      if (resumeId !== null) taken.add(resumeId);
      this.#add(file, resumeId);
    }
  }

  remove(handle: UploadHandle): void {
    const { uploadId, filename } = handle.snapshot;
    if (uploadId !== null) this.#options.remembered.forget(uploadId);
    if (!uploadWords(handle.snapshot).over) {
      this.#options.announce(`${filename} is cancelled.`);
      void handle.cancel();
    }
    this.#drop([handle]);
  }

  removeFinished(): void {
    this.#drop(this.handles.getSnapshot().filter(({ snapshot }) => uploadWords(snapshot).over));
  }

  isOwn(uploadId: string): boolean {
    return this.#options.remembered.lastModifiedOf(uploadId) !== null;
  }

  isGone(uploadId: string): boolean {
    return this.#gone.has(uploadId);
  }

  async discard(upload: UploadSummary): Promise<void> {
    await this.#options.api.cancelUpload(upload.id);
    this.#options.remembered.forget(upload.id);
    this.#options.announce(`${upload.filename} is discarded.`);
  }

  /** What the server waits for; when it cannot be asked, what this browser remembers. */
  #earlierUpload(file: File, unfinished: readonly UploadSummary[] | null): string | null {
    const { remembered } = this.#options;
    if (unfinished === null) return remembered.find(file);
    return matchUnfinished(file, unfinished, remembered)?.id ?? null;
  }

  #add(file: File, resumeId: string | null): void {
    const metadata = { [lastModifiedField]: String(file.lastModified) };
    const handle = this.#options.client.add(file, resumeId === null ? { metadata } : { resumeId, metadata });
    let before: UploadSnapshot | null = null;
    const onChange = () => {
      if (handle.snapshot === before) return;
      this.#changed(file, before, handle.snapshot);
      before = handle.snapshot;
    };
    this.#stops.set(handle, handle.subscribe(onChange));
    // A failed upload shows its error in its row; without this the browser would report it as unhandled, too.
    handle.done.catch(() => undefined);
    this.handles.update((list) => [...list, handle]);
    onChange();
  }

  #changed(file: File, before: UploadSnapshot | null, now: UploadSnapshot): void {
    const { announce, remembered, onSignedOut } = this.#options;
    const text = announcement(before, now);
    if (text !== null) announce(text);
    if (now.uploadId !== null) {
      if (uploadWords(now).over) remembered.forget(now.uploadId);
      else if (before?.uploadId !== now.uploadId) remembered.remember(file, now.uploadId);
    }
    if (now.state === 'failed' && before?.state !== 'failed' && now.error?.code === 'unauthenticated') onSignedOut();
    this.#countUp();
  }

  #drop(dropped: readonly UploadHandle[]): void {
    for (const handle of dropped) {
      if (handle.snapshot.uploadId !== null) this.#gone.add(handle.snapshot.uploadId);
      this.#stops.get(handle)?.();
      this.#stops.delete(handle);
    }
    this.handles.update((list) => list.filter((handle) => !dropped.includes(handle)));
    this.#countUp();
  }

  #liveIds(): Set<string> {
    const live = this.handles.getSnapshot().filter(({ snapshot }) => !uploadWords(snapshot).over);
    return new Set(live.flatMap(({ snapshot }) => snapshot.uploadId ?? []));
  }

  #countUp(): void {
    const next = totalsOf(this.handles.getSnapshot());
    const { active, fraction } = this.totals.getSnapshot();
    if (next.active !== active || next.fraction !== fraction) this.totals.set(next);
  }
}

/** The same file picked twice while it is being sent: a second upload of it would help nobody. */
function isOnItsWay(handles: readonly UploadHandle[], file: File): boolean {
  return handles.some(
    ({ snapshot }) =>
      snapshot.filename === file.name &&
      snapshot.size === file.size &&
      snapshot.state !== 'failed' &&
      !uploadWords(snapshot).over,
  );
}

function totalsOf(handles: readonly UploadHandle[]): Totals {
  const live = handles.map((handle) => handle.snapshot).filter((snapshot) => !uploadWords(snapshot).over);
  const size = live.reduce((sum, snapshot) => sum + snapshot.size, 0);
  const sent = live.reduce((sum, snapshot) => sum + snapshot.size * snapshot.progress, 0);
  // Whole per cents: the masthead is not drawn again for less.
  return { active: live.length, fraction: size === 0 ? 0 : Math.floor((sent / size) * 100) / 100 };
}
