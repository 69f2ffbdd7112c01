/** A1: what a failed sync does to an upload, whoever has met it. */
import { expect, test } from 'vitest';
import type { Command } from './command.ts';
import { newUpload } from './creation.ts';
import { defaultLimits } from './limits.ts';
import { transition } from './transition.ts';
import type { Upload } from './upload.ts';

const digest = 'ab'.repeat(32);
const lease = { holder: 'a', until: 10_000 };
const now = 2_000;

function receiving(): Upload {
  const wish = { id: 'u', principal: 'p', protocol: 'native', filename: 'f', size: 8, chunkSize: 8 };
  return newUpload(wish, defaultLimits, 1_000).upload;
}

function after(upload: Upload, command: Command): Upload {
  const decision = transition(upload, null, command, now);
  if (decision.kind === 'reject') throw decision.error;
  return decision.next;
}

function validating(): Upload {
  const extent = { offset: 0, length: 8, crc32: 1, sha256: null, receivedAt: 1_000 };
  return after(receiving(), { type: 'record', extent, lease, ttlMs: 1 });
}

function assembling(): Upload {
  const upload = validating();
  return after(upload, { type: 'verified', fence: upload.fence, digest });
}

test('while bytes come in it is noted, and nothing else changes', () => {
  const upload = receiving();
  const doubted = after(upload, { type: 'distrust-bytes', fence: null });
  expect(doubted).toEqual({ ...upload, doubt: 'writers', updatedAt: now });
});

test('whoever finishes the upload keeps it, and verifies it again; what was verified before does not count', () => {
  for (const upload of [validating(), assembling()]) {
    const doubted = after(upload, { type: 'distrust-bytes', fence: upload.fence });
    expect(doubted).toMatchObject({ doubt: 'writers', fence: upload.fence + 1, phase: { name: 'validating', lease } });
    const placed = { type: 'placed', fence: upload.fence, contentType: 'a/b', runs: [] } as const;
    expect(transition(doubted, null, placed, now).kind).toBe('reject');
  }
});

test('somebody else ends the lease while the bytes are verified, and comes too late afterwards', () => {
  const upload = validating();
  const doubted = after(upload, { type: 'distrust-bytes', fence: null });
  expect(doubted).toMatchObject({ doubt: 'writers', fence: upload.fence + 1, phase: { lease: { until: now } } });
  expect(after(doubted, { type: 'distrust-bytes', fence: null })).toBe(doubted);
  const placing = assembling();
  expect(after(placing, { type: 'distrust-bytes', fence: null })).toBe(placing);
});

test('who has lost the lease changes nothing', () => {
  for (const upload of [validating(), assembling()])
    expect(after(upload, { type: 'distrust-bytes', fence: upload.fence - 1 })).toBe(upload);
});
