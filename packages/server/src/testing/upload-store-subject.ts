/** What the checks of upload stores work on. */
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { UploadTokenStore } from '../core/ports/upload-token-store.ts';
import type { Check } from './conformance.ts';

export interface UploadStores {
  readonly store: UploadStore;
  /** The same data opened once more, as another process would. */
  readonly other: UploadStore;
  readonly tokens: UploadTokenStore;
  /** The tokens as the other process sees them. */
  readonly otherTokens: UploadTokenStore;
}

export type UploadStoreCheck = Check<UploadStores>;
