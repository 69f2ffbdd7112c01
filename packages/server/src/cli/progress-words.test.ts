import type { UploadSnapshot } from '@holdfast/client';
import { expect, test } from 'vitest';
import { stateWords } from './progress-words.ts';

test('while the server checks the whole, its progress is told', () => {
  const finishing = { state: 'finishing', waiting: null, size: 6_400_000_000 } as const;
  const words = (bytesChecked: number | null) => stateWords({ ...finishing, bytesChecked } as UploadSnapshot, 0);
  expect(words(null)).toBe('server checks every byte');
  expect(words(3_700_000_000)).toBe('57 % checked by the server');
});
