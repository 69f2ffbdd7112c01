import { expect, test } from 'vitest';
import { enter, isWorking, type Phase } from './phase.ts';
import { UploadError } from './upload-error.ts';

const phases: Phase[] = [
  { name: 'preparing' },
  { name: 'sending' },
  { name: 'finishing' },
  { name: 'paused', by: 'user' },
  { name: 'completed', result: { uploadId: 'u', assetId: 'a', sha256: 's' } },
  { name: 'failed', error: new UploadError('no', { type: 'server', code: 'internal', retryable: true }) },
  { name: 'cancelled' },
];

test('what can follow what', () => {
  const followers = phases.map((from) => [
    from.name,
    phases.filter((to) => enter(from, to) === to && to !== from).map((to) => to.name),
  ]);
  expect(Object.fromEntries(followers)).toEqual({
    preparing: ['sending', 'finishing', 'paused', 'completed', 'failed', 'cancelled'],
    sending: ['preparing', 'finishing', 'paused', 'completed', 'failed', 'cancelled'],
    finishing: ['preparing', 'paused', 'completed', 'failed', 'cancelled'],
    paused: ['preparing', 'cancelled'],
    completed: [],
    failed: ['preparing', 'cancelled'],
    cancelled: [],
  });
});

test('a session is at work in three of them', () => {
  expect(phases.filter(isWorking).map((phase) => phase.name)).toEqual(['preparing', 'sending', 'finishing']);
});
