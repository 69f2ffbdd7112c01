/**
 * Conformance of blob stores: what every adapter of `core/ports/blob-store.ts` has to do, as named functions that any test runner can
 * call. They use the port only. `broken-blob-stores.ts` has adapters that break one obligation each; every check fails on at least one.
 */
import { appendChecks } from './blob-store-append-checks.ts';
import { assetChecks } from './blob-store-asset-checks.ts';
import { digestChecks } from './blob-store-digest-checks.ts';
import type { BlobStoreCheck } from './blob-store-fixture.ts';
import { intakeChecks } from './blob-store-intake-checks.ts';
import { joinChecks } from './blob-store-join-checks.ts';

/** Every check, by name (`check.name`). They share a store; each uses ids of its own. */
export const blobStoreChecks: readonly BlobStoreCheck[] = [
  ...intakeChecks,
  ...appendChecks,
  ...joinChecks,
  ...digestChecks,
  ...assetChecks,
];
