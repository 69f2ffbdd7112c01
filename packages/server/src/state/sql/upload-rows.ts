/** Uploads and extents as rows and back. The phase's fields are columns of the one table. */
import { digestOfText, digestText } from '../../core/digest.ts';
import { invariant, unreachable } from '../../core/errors.ts';
import type { Concatenation, Extent, FailureCode, Lease, Phase, Upload } from '../../core/upload.ts';
import type { ExtentRow, UploadRow } from './schema.ts';

type PhaseColumns = Pick<
  UploadRow,
  'state' | 'lease_holder' | 'lease_until' | 'digest' | 'asset_id' | 'failure_code' | 'failure_reason' | 'ended_at'
>;

const noPhaseData: Omit<PhaseColumns, 'state'> = {
  lease_holder: null,
  lease_until: null,
  digest: null,
  asset_id: null,
  failure_code: null,
  failure_reason: null,
  ended_at: null,
};

function phaseColumns(phase: Phase): PhaseColumns {
  const base = { ...noPhaseData, state: phase.name };
  switch (phase.name) {
    case 'receiving':
    case 'paused':
      return base;
    case 'validating':
      return { ...base, lease_holder: phase.lease.holder, lease_until: phase.lease.until };
    case 'assembling':
      return { ...base, lease_holder: phase.lease.holder, lease_until: phase.lease.until, digest: phase.digest };
    case 'completed':
      return { ...base, ended_at: phase.at, asset_id: phase.assetId };
    case 'cancelled':
    case 'expired':
      return { ...base, ended_at: phase.at };
    case 'failed':
      return {
        ...base,
        ended_at: phase.at,
        failure_code: phase.code,
        failure_reason: phase.reason,
        digest: phase.actual && digestText(phase.actual),
      };
    default:
      return unreachable(phase);
  }
}

function present<T>(value: T | null, row: UploadRow): T {
  invariant(value !== null, `the row of upload ${row.id} has what its state ${row.state} needs`);
  return value;
}

function phaseOf(row: UploadRow): Phase {
  const lease = (): Lease => ({ holder: present(row.lease_holder, row), until: present(row.lease_until, row) });
  const at = (): number => present(row.ended_at, row);
  switch (row.state) {
    case 'receiving':
    case 'paused':
      return { name: row.state };
    case 'validating':
      return { name: 'validating', lease: lease() };
    case 'assembling':
      return { name: 'assembling', lease: lease(), digest: present(row.digest, row) };
    case 'completed':
      return { name: 'completed', at: at(), assetId: present(row.asset_id, row) };
    case 'cancelled':
    case 'expired':
      return { name: row.state, at: at() };
    case 'failed':
      return {
        name: 'failed',
        at: at(),
        code: present(row.failure_code, row) as FailureCode,
        reason: present(row.failure_reason, row),
        actual: row.digest === null ? null : digestOfText(row.digest),
      };
    default:
      return unreachable(row.state);
  }
}

function concatenationOf(row: UploadRow): Concatenation {
  switch (row.concat_role) {
    case 'none':
      return { role: 'none' };
    case 'partial':
      return { role: 'partial', uses: row.concat_uses };
    case 'final':
      return { role: 'final', parts: JSON.parse(present(row.concat_parts, row)) as string[] };
    default:
      return unreachable(row.concat_role);
  }
}

/** For searches without regard to case. */
export function folded(filename: string): string {
  return filename.normalize('NFC').toLowerCase();
}

export function uploadToRow(upload: Upload): UploadRow {
  return {
    id: upload.id,
    principal: upload.principal,
    protocol: upload.protocol,
    filename: upload.filename,
    filename_folded: folded(upload.filename),
    safe_name: upload.safeName,
    content_type: upload.contentType,
    size: upload.size,
    chunk_size: upload.chunkSize,
    metadata: JSON.stringify(upload.metadata),
    expected_digest: upload.expectedDigest && digestText(upload.expectedDigest),
    received_bytes: upload.receivedBytes,
    received_extents: upload.receivedExtents,
    fence: upload.fence,
    doubt: upload.doubt,
    last_event: upload.lastEvent,
    created_at: upload.createdAt,
    updated_at: upload.updatedAt,
    first_byte_at: upload.firstByteAt,
    last_byte_at: upload.lastByteAt,
    expires_at: upload.expiresAt,
    storage: upload.storage,
    intake: upload.intake,
    ends: upload.ends,
    dialect_data: JSON.stringify(upload.dialectData),
    withdrawn: upload.withdrawn ? 1 : 0,
    concat_role: upload.concatenation.role,
    concat_uses: upload.concatenation.role === 'partial' ? upload.concatenation.uses : 0,
    concat_parts: upload.concatenation.role === 'final' ? JSON.stringify(upload.concatenation.parts) : null,
    allowed_types: upload.allowedTypes === null ? null : JSON.stringify(upload.allowedTypes),
    ...phaseColumns(upload.phase),
  };
}

export function rowToUpload(row: UploadRow): Upload {
  return {
    id: row.id,
    principal: row.principal,
    protocol: row.protocol,
    filename: row.filename,
    safeName: row.safe_name,
    contentType: row.content_type,
    size: row.size,
    intake: row.intake,
    ends: row.ends,
    concatenation: concatenationOf(row),
    dialectData: JSON.parse(row.dialect_data) as Record<string, string>,
    chunkSize: row.chunk_size,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    expectedDigest: row.expected_digest === null ? null : digestOfText(row.expected_digest),
    receivedBytes: row.received_bytes,
    receivedExtents: row.received_extents,
    fence: row.fence,
    doubt: row.doubt,
    lastEvent: row.last_event,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    firstByteAt: row.first_byte_at,
    lastByteAt: row.last_byte_at,
    expiresAt: row.expires_at,
    withdrawn: row.withdrawn === 1,
    storage: row.storage,
    allowedTypes: row.allowed_types === null ? null : (JSON.parse(row.allowed_types) as string[]),
    phase: phaseOf(row),
  };
}

export function extentToRow(uploadId: string, extent: Extent): ExtentRow {
  return {
    upload_id: uploadId,
    offset: extent.offset,
    length: extent.length,
    crc32: extent.crc32,
    sha256: extent.sha256,
    received_at: extent.receivedAt,
  };
}

export function rowToExtent(row: ExtentRow): Extent {
  return {
    offset: row.offset,
    length: row.length,
    crc32: row.crc32,
    sha256: row.sha256,
    receivedAt: row.received_at,
  };
}

/** What an update may change: everything but identity and origin. */
const fixedColumns = [
  'id',
  'principal',
  'protocol',
  'created_at',
  'intake',
  'ends',
  'concat_role',
  'concat_parts',
  'allowed_types',
] as const;
export const changeable: readonly Exclude<keyof UploadRow, (typeof fixedColumns)[number]>[] = [
  'filename',
  'filename_folded',
  'safe_name',
  'content_type',
  'size',
  'chunk_size',
  'metadata',
  'expected_digest',
  'received_bytes',
  'received_extents',
  'fence',
  'doubt',
  'last_event',
  'updated_at',
  'first_byte_at',
  'last_byte_at',
  'expires_at',
  'storage',
  'state',
  'lease_holder',
  'lease_until',
  'digest',
  'asset_id',
  'failure_code',
  'failure_reason',
  'ended_at',
  'dialect_data',
  'withdrawn',
  'concat_uses',
];

/** A row with a value for every column. */
export function everyColumn(value: <K extends keyof UploadRow>(column: K) => UploadRow[K]): UploadRow {
  return Object.fromEntries([...fixedColumns, ...changeable].map((column) => [column, value(column)])) as never;
}
