import type { UploadSummary } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { matchUnfinished } from './match-unfinished.ts';
import { createRememberedUploads } from './remembered.ts';

class MemoryStorage implements Storage {
  private readonly items = new Map<string, string>();
  get length() {
    return this.items.size;
  }
  clear = () => this.items.clear();
  getItem = (key: string) => this.items.get(key) ?? null;
  key = (index: number) => [...this.items.keys()][index] ?? null;
  removeItem = (key: string) => void this.items.delete(key);
  setItem = (key: string, value: string) => void this.items.set(key, value);
}

const film = { name: 'film.mp4', size: 100, lastModified: 7 };

function unfinished(id: string, change: Partial<UploadSummary> = {}): UploadSummary {
  return {
    id,
    filename: 'film.mp4',
    safeName: 'film.mp4',
    contentType: 'video/mp4',
    size: 100,
    chunkSize: 10,
    totalChunks: 10,
    state: 'receiving',
    receivedBytes: 50,
    progress: 0.5,
    bytesPerSecond: null,
    etaSeconds: null,
    expectedSha256: null,
    sha256: null,
    assetId: null,
    failure: null,
    metadata: {},
    createdAt: '',
    updatedAt: '',
    expiresAt: '',
    completedAt: null,
    lastEvent: 1,
    ...change,
  };
}

it('continues the upload of the same name and size', () => {
  const memory = createRememberedUploads(null);
  expect(matchUnfinished(film, [unfinished('a')], memory)?.id).toBe('a');
  expect(matchUnfinished(film, [unfinished('a', { size: 101 })], memory)).toBeNull();
  expect(matchUnfinished(film, [unfinished('a', { filename: 'other.mp4' })], memory)).toBeNull();
});

it('does not continue a file that was changed since', () => {
  const memory = createRememberedUploads(new MemoryStorage());
  memory.remember({ ...film, lastModified: 6 }, 'a');
  expect(matchUnfinished(film, [unfinished('a')], memory)).toBeNull();
  expect(matchUnfinished(film, [unfinished('b', { metadata: { lastModified: '6' } })], memory)).toBeNull();
  expect(matchUnfinished(film, [unfinished('b', { metadata: { lastModified: '7' } })], memory)?.id).toBe('b');
});

it('prefers what this browser began, then what has come furthest', () => {
  const memory = createRememberedUploads(new MemoryStorage());
  const uploads = [unfinished('a', { receivedBytes: 10 }), unfinished('b', { receivedBytes: 90 })];
  expect(matchUnfinished(film, uploads, memory)?.id).toBe('b');
  memory.remember(film, 'a');
  expect(matchUnfinished(film, uploads, memory)?.id).toBe('a');
});

it('remembers across visits, one upload a file, and forgets', () => {
  const storage = new MemoryStorage();
  createRememberedUploads(storage).remember(film, 'a');
  createRememberedUploads(storage).remember(film, 'b');
  const later = createRememberedUploads(storage);
  expect(later.find(film)).toBe('b');
  expect(later.lastModifiedOf('a')).toBeNull();
  later.forget('b');
  expect(later.find(film)).toBeNull();
});

it('survives storage that is broken or not ours', () => {
  const storage = new MemoryStorage();
  storage.setItem('holdfast.unfinished', '{"nonsense');
  expect(createRememberedUploads(storage).find(film)).toBeNull();
  storage.setItem('holdfast.unfinished', '[1, null, {"key": 2}]');
  expect(createRememberedUploads(storage).find(film)).toBeNull();
});
