/** `holdfast/testing`: what adapters of Holdfast's ports have to do, as vitest suites. Needs `vitest`. */
export { artifactStoreChecks } from './artifact-store-suite.ts';
export { blobStoreChecks } from './blob-store-suite.ts';
export {
  type BrokenAdapter,
  type Check,
  type Fixture,
  registerBroken,
  registerSuite,
  type Suite,
} from './conformance.ts';
export type { Dispatchers, DispatchNode, DispatchProcess } from './dispatcher-subject.ts';
export { dispatcherChecks, dispatcherSuite, registerDispatcherSuite } from './dispatcher-suite.ts';
export {
  brokenExtentClaims,
  type Claims,
  extentClaimsSuite,
  registerExtentClaimsSuite,
} from './extent-claims-suite.ts';
export type { Ledgers } from './ledger-store-subject.ts';
export { ledgerStoreSuite, registerLedgerStoreSuite } from './ledger-store-suite.ts';
export { type Libraries, libraryStoreSuite } from './library-store-suite.ts';
export { startPostgres, type TestPostgres } from './postgres.ts';
export { recognise, type Speech, speak, type Voice, voices } from './recognise.ts';
export { type RecordingStores, recordingStoreSuite } from './recording-store-suite.ts';
export { type SearchStores, searchStoreSuite } from './search-store-suite.ts';
export { brokenUploadLocks, type Locks, registerUploadLocksSuite, uploadLocksSuite } from './upload-locks-suite.ts';
export type { UploadStores } from './upload-store-subject.ts';
export { registerUploadStoreSuite, uploadStoreSuite } from './upload-store-suite.ts';
export type { WatchStores } from './watch-store-subject.ts';
export { watchStoreSuite } from './watch-store-suite.ts';
export { registerWebhookStoreSuite, type WebhookStores, webhookStoreSuite } from './webhook-store-suite.ts';
export { type WordErrorRate, wordErrorRate, wordsOf } from './word-error-rate.ts';
