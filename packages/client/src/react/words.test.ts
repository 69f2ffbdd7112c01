import { expect, test } from 'vitest';
import type { UploadSnapshot } from '../snapshot.ts';
import { en } from './labels/en.ts';
import { createFormat } from './labels/format.ts';
import { type ChosenFile, composeState, type Stage } from './uploader-state.ts';
import { figures, statusText } from './words.ts';

const wording = { labels: en, format: createFormat('en') };
const finishing = {
  ...({ state: 'finishing', size: 80_000_000, progress: 0.999, chunksAcknowledged: 10, totalChunks: 10 } as const),
  ...{ bytesPerSecond: null, etaSeconds: null, waiting: null, uploadId: 'u', assetId: null, sha256: null, error: null },
};

function sending(bytesChecked: number | null) {
  const file: ChosenFile = { blob: new Blob([]), name: 'film.mp4' };
  const snapshot: Partial<UploadSnapshot> = { ...finishing, bytesChecked };
  return composeState({ name: 'sending', file, report: null, endpoint: '', handle: { snapshot } } as unknown as Stage);
}

test('C13 while the server checks the whole, the figures tell how far it is', () => {
  expect(statusText(sending(null), en)).toBe('Checking every byte');
  expect(figures(sending(null), wording)).toEqual(['80 MB']);
  expect(figures(sending(36_000_000), wording)).toEqual(['80 MB', '45% checked']);
  expect(sending(null).progress).toMatchObject({ bytesUploaded: 80_000_000, percent: 99.9 });
});
