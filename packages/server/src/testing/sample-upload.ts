/** Uploads, extents and plans to test with: whatever a check does not name is ordinary. */
import { createHash, randomUUID } from 'node:crypto';
import type { Command } from '../core/command.ts';
import type { RunPlan, StepPlan } from '../core/ledger.ts';
import type { Rule, Write } from '../core/ports/upload-store.ts';
import { transition } from '../core/transition.ts';
import type { Extent, NewEvent, Upload } from '../core/upload.ts';

/** When things happen in checks that do not care when. */
export const someTime = 1_700_000_000_000;

export function unique(prefix: string): string {
  return `${prefix}-${randomUUID()}`;
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function sampleUpload(given: Partial<Upload> = {}): Upload {
  return {
    id: unique('upload'),
    principal: unique('principal'),
    protocol: 'native',
    filename: 'Interview no. 1.mp4',
    safeName: 'Interview no. 1.mp4',
    contentType: 'video/mp4',
    size: 1600,
    intake: 'grid',
    ends: 'by-length',
    concatenation: { role: 'none' },
    chunkSize: 100,
    metadata: { subject: 'History', speaker: 'Ada "A." Müller\n' },
    dialectData: {},
    expectedDigest: null,
    receivedBytes: 0,
    receivedExtents: 0,
    fence: 0,
    doubt: 'none',
    lastEvent: 0,
    createdAt: someTime,
    updatedAt: someTime,
    firstByteAt: null,
    lastByteAt: null,
    expiresAt: someTime + 86_400_000,
    withdrawn: false,
    storage: 'held',
    allowedTypes: null,
    phase: { name: 'receiving' },
    ...given,
  };
}

export function sampleExtent(offset: number, given: Partial<Extent> = {}): Extent {
  return { offset, length: 100, crc32: 4_294_967_295, sha256: null, receivedAt: someTime, ...given };
}

export function sampleEvent(type = 'noted', at = someTime): NewEvent {
  return { at, type, message: `It was ${type}`, data: { nested: { of: [1, null, 'ü'] } } };
}

/** The receipt of one extent, as the upload service asks for it. */
export function receipt(extent: Extent): Rule {
  const command: Command = {
    type: 'record',
    extent,
    lease: { holder: 'node-a', until: someTime + 60_000 },
    ttlMs: 3_600_000,
  };
  return (upload, stored) => transition(upload, stored, command, someTime);
}

export function samplePublication(upload: Upload, assetId: string, runs: readonly RunPlan[] = []): Write {
  return {
    type: 'publish-asset',
    asset: { id: assetId, size: upload.size ?? 0, contentType: upload.contentType, createdAt: upload.createdAt },
    source: {
      assetId,
      principal: upload.principal,
      uploadId: upload.id,
      filename: upload.filename,
      safeName: upload.safeName,
      metadata: upload.metadata,
      addedAt: upload.createdAt,
    },
    runs,
  };
}

export function sampleStep(name: string, given: Partial<StepPlan> = {}): StepPlan {
  return {
    key: unique(`step-${name}`),
    name,
    version: '1',
    params: { quality: 'good' },
    class: unique('class'),
    priority: 0,
    attemptsMax: 3,
    timeoutMs: 60_000,
    needs: [],
    wants: [],
    ...given,
  };
}

export function samplePlan(steps: readonly StepPlan[], given: Partial<RunPlan> = {}): RunPlan {
  return { pipeline: 'lecture', pipelineVersion: '1', steps, ...given };
}
