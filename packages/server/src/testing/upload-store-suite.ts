/** The conformance suite of `UploadStore`. */
import { type Fixture, registerSuite, type Suite } from './conformance.ts';
import { appendChecks } from './upload-store-append.ts';
import { assetChecks } from './upload-store-assets.ts';
import { creationChecks, decisionChecks } from './upload-store-decisions.ts';
import { eventChecks } from './upload-store-events.ts';
import { listChecks, sweepChecks } from './upload-store-queries.ts';
import type { UploadStoreCheck, UploadStores } from './upload-store-subject.ts';
import { quotaChecks, tokenChecks } from './upload-store-tokens.ts';

export const uploadStoreChecks: readonly UploadStoreCheck[] = [
  ...creationChecks,
  ...decisionChecks,
  ...appendChecks,
  ...listChecks,
  ...sweepChecks,
  ...assetChecks,
  ...eventChecks,
  ...tokenChecks,
  ...quotaChecks,
];

export function uploadStoreSuite(name: string, open: () => Promise<Fixture<UploadStores>>): Suite<UploadStores> {
  return { name: `UploadStore on ${name}`, checks: uploadStoreChecks, open };
}

/** Registers the suite for an adapter: `open` gives one database, opened twice. */
export function registerUploadStoreSuite(name: string, open: () => Promise<Fixture<UploadStores>>): void {
  registerSuite(uploadStoreSuite(name, open));
}
