import type { UploadSnapshot } from '@holdfast/client';
import { expect, test } from 'vitest';
import { progressWords, stateWords } from './progress-words.ts';

test('while the server checks the whole, its progress is told', () => {
  const finishing = { state: 'finishing', waiting: null, size: 6_400_000_000 } as const;
  const words = (bytesChecked: number | null) => stateWords({ ...finishing, bytesChecked } as UploadSnapshot, 0);
  expect(words(null)).toBe('server checks every byte');
  expect(words(3_700_000_000)).toBe('57 % checked by the server');
});

test('bytes are those that are stored: what was on its way when the server went is not among them', () => {
  const away = { size: 178_900_000, progress: 0.06, bytesAcknowledged: 0, bytesInFlight: 0 } as UploadSnapshot;
  expect(progressWords(away)).toBe('6 %  0 B of 178.9 MB stored');
  expect(progressWords({ ...away, bytesInFlight: 11_000_000 })).toBe('6 %  0 B of 178.9 MB stored');
});
