/**
 * The tables as Kysely sees them, the same on SQLite and PostgreSQL: text ids, times as whole epoch milliseconds, JSON as text,
 * no booleans. `migrations/` creates them.
 */

import type { Generated } from 'kysely';
import type { AttemptState, ErrorClass } from '../../core/attempt-record.ts';
import type { Lack, RunState, StepState } from '../../core/ledger.ts';
import type { Concatenation, PhaseName, Upload } from '../../core/upload.ts';
import type { DeliveryState } from '../../core/webhook.ts';
import type { NodeTables } from './node-schema.ts';
import type { PartMapTables } from './part-map-queries.ts';
import type { SearchAssetRow, SearchDocumentRow } from './search-schema.ts';
import type { TurnTables } from './turn-schema.ts';
import type { WatchTables } from './watch-rows.ts';

export interface UploadRow {
  id: string;
  principal: string;
  protocol: string;
  filename: string;
  /** The file name in NFC and lower case, because neither engine folds case beyond ASCII in the same way. */
  filename_folded: string;
  safe_name: string;
  content_type: string;
  size: number | null;
  chunk_size: number;
  metadata: string;
  expected_digest: string | null;
  received_bytes: number;
  received_extents: number;
  fence: number;
  doubt: Upload['doubt'];
  last_event: number;
  created_at: number;
  updated_at: number;
  first_byte_at: number | null;
  last_byte_at: number | null;
  expires_at: number;
  storage: 'held' | 'released';
  state: PhaseName;
  lease_holder: string | null;
  lease_until: number | null;
  digest: string | null;
  asset_id: string | null;
  failure_code: string | null;
  failure_reason: string | null;
  ended_at: number | null;
  intake: Upload['intake'];
  ends: Upload['ends'];
  dialect_data: string;
  withdrawn: number;
  concat_role: Concatenation['role'];
  concat_uses: number;
  /** Ids of a final upload's parts, in order, as JSON. */
  concat_parts: string | null;
  allowed_types: string | null;
}

/** A final upload that is not finished and a part of it, once. */
export interface UploadPartRow {
  part_id: string;
  final_id: string;
}

export interface ExtentRow {
  upload_id: string;
  offset: number;
  length: number;
  crc32: number;
  sha256: string | null;
  received_at: number;
}

export interface EventRow {
  id: Generated<number>;
  subject: 'upload' | 'run';
  subject_id: string;
  seq: number;
  principal: string;
  at: number;
  type: string;
  message: string;
  data: string;
}

export interface AssetRow {
  id: string;
  size: number;
  content_type: string;
  created_at: number;
}

export interface AssetSourceRow {
  asset_id: string;
  upload_id: string;
  principal: string;
  filename: string;
  filename_folded: string;
  safe_name: string;
  metadata: string;
  added_at: number;
  /** Copied from the asset, so that a principal's assets can be paged through one index. */
  asset_created_at: number;
  /** Of a file in a watched folder: the folder, and its path in it. */
  watch_folder: string | null;
  watch_path: string | null;
}

export interface RunRow {
  id: string;
  asset_id: string;
  pipeline: string;
  pipeline_version: string;
  state: RunState;
  /** Whom its events belong to: the principal of the source that started it. */
  principal: string;
  last_event: number;
  created_at: number;
  finished_at: number | null;
  cancel_asked_at: number | null;
  cancel_asked_by: string | null;
}

export interface StepRow {
  key: string;
  asset_id: string;
  name: string;
  version: string;
  params: string;
  class: string;
  priority: number;
  state: StepState;
  attempt: number;
  attempts_max: number;
  timeout_ms: number;
  fence: number;
  lease_holder: string | null;
  lease_until: number | null;
  not_before: number;
  progress: number;
  output: string | null;
  reason: string | null;
  /** The key of the failed or cancelled step because of which this one ended; tells that apart from a step that skipped itself. */
  skipped_for: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  error_class: ErrorClass | null;
  cancel_asked_at: number | null;
  cancel_asked_by: string | null;
  /** Since it was last put back by hand. */
  node_deaths: number;
  node_deaths_alone: number;
  /** For what it was skipped by itself, if a machine may have that. */
  lacks: Lack | null;
}

export interface StepAttemptRow {
  step_key: string;
  /** The fence of the claim. */
  number: number;
  attempt: number;
  node: string;
  state: AttemptState;
  due_at: number;
  started_at: number;
  ended_at: number | null;
  reason: string | null;
  error_class: ErrorClass | null;
  exit_code: number | null;
  stderr: string | null;
  log: string;
}

export interface PausedClassRow {
  name: string;
  paused_at: number;
  paused_by: string;
}

export interface StepNeedRow {
  step_key: string;
  need_key: string;
  /** 1: wanted, so that the step waits for its end but can do without its result. */
  optional: 0 | 1;
}

export interface RunStepRow {
  run_id: string;
  position: number;
  step_key: string;
}

export interface ArtifactRow {
  step_key: string;
  name: string;
  content_type: string;
  size: number;
  sha256: string;
}

/** How far along the event log an endpoint is. */
export interface WebhookCursorRow {
  endpoint: string;
  position: number;
  created_at: number;
}

export interface WebhookDeliveryRow {
  message_id: string;
  endpoint: string;
  event_id: number;
  type: string;
  payload: string;
  state: DeliveryState;
  attempts: number;
  fence: number;
  lease_holder: string | null;
  created_at: number;
  /** When it is due; while it is leased, when the lease ends. */
  next_at: number;
  give_up_at: number;
  last_at: number | null;
  last_status: number | null;
  last_error: string | null;
  ended_at: number | null;
}

export interface RecordingRow {
  id: string;
  principal: string;
  /** As `filename_folded`. */
  subject_folded: string;
  created_at: number;
  /** The row of the upload as JSON, once that is purged. */
  upload: string | null;
}

export interface UploadTokenRow {
  id: string;
  digest: string;
  principal: string;
  issuer: string;
  size_max: number | null;
  types: string | null;
  filename: string | null;
  metadata: string;
  created_at: number;
  expires_at: number;
  upload_id: string | null;
}

/** A content that was deleted and may still be in storage. */
export interface DeletedContentRow {
  asset_id: string;
  deleted_at: number;
  /** Keys of its steps, as JSON. */
  step_keys: string;
}

/** Small facts about the database itself. */
export interface MetaRow {
  name: string;
  value: number;
}

export interface Tables extends WatchTables, NodeTables, PartMapTables, TurnTables {
  uploads: UploadRow;
  extents: ExtentRow;
  events: EventRow;
  assets: AssetRow;
  asset_sources: AssetSourceRow;
  runs: RunRow;
  steps: StepRow;
  step_needs: StepNeedRow;
  run_steps: RunStepRow;
  step_attempts: StepAttemptRow;
  paused_classes: PausedClassRow;
  artifacts: ArtifactRow;
  upload_parts: UploadPartRow;
  recordings: RecordingRow;
  upload_tokens: UploadTokenRow;
  meta: MetaRow;
  webhook_cursors: WebhookCursorRow;
  webhook_deliveries: WebhookDeliveryRow;
  search_assets: SearchAssetRow;
  search_documents: SearchDocumentRow;
  deleted_contents: DeletedContentRow;
}
