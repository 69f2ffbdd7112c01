import type { QueueItem } from '@holdfast/client/queue';
import { describe, expect, it } from 'vitest';
import { announcement, spokenProgress, uploadFigures, uploadWords } from './upload-words.ts';

function snapshot(change: Partial<QueueItem> = {}): QueueItem {
  return {
    ...{
      id: '1',
      owner: 'ana',
      status: 'uploading',
      waiting: null,
      keeping: 'stored',
      preparation: null,
      priority: 'normal',
    },
    ...{ filename: 'film.mp4', contentType: 'video/mp4', size: 80_000_000, metadata: {}, uploadId: 'u' },
    ...{ bytesAcknowledged: 34_100_000, bytesInFlight: 0, progress: 0.43, chunksAcknowledged: 12, totalChunks: 28 },
    ...{ chunkSize: 3_000_000, bytesPerSecond: 5_200_000, etaSeconds: 9, bytesChecked: null, retries: 0 },
    ...{ maxRetries: 3, error: null },
    ...{
      assetId: null,
      sha256: null,
      recordingId: null,
      finalUrl: null,
      createdAt: 0,
      updatedAt: 0,
      completedAt: null,
    },
    ...change,
  };
}

const unreachable = { status: 'waiting', waiting: { reason: 'unreachable', until: 0 } } as const;

describe('a row', () => {
  it('is calm while the server is away, and offers to try now', () => {
    expect(uploadWords(snapshot(unreachable))).toEqual({
      state: 'Server not reachable',
      tone: 'calm',
      note: 'Goes on by itself as soon as it answers.',
      offer: 'retry',
      over: false,
    });
  });

  it('offers a retry only where it can help', () => {
    const failed = (retryable: boolean) => {
      const error = { type: 'validation', code: 'http-413', message: 'The file is too large.', retryable } as const;
      return uploadWords(snapshot({ status: 'failed', error }));
    };
    expect(failed(true)).toMatchObject({ offer: 'retry', note: 'The file is too large.', tone: 'bad' });
    expect(failed(false).offer).toBeNull();
  });

  it('shows what is known', () => {
    expect(uploadFigures(snapshot())).toEqual([
      '34.1 MB of 80.0 MB stored',
      '12 of 28 chunks',
      '5.20 MB/s',
      '9 s left',
    ]);
    expect(uploadFigures(snapshot({ status: 'paused' }))).toHaveLength(2);
    const whole = { status: 'finishing', bytesAcknowledged: 80_000_000, chunksAcknowledged: 28 } as const;
    expect(uploadFigures(snapshot({ ...whole, bytesChecked: 36_000_000 }))).toEqual([
      '80.0 MB of 80.0 MB stored',
      '28 of 28 chunks',
      '45 % checked',
    ]);
    expect(uploadFigures(snapshot({ status: 'completed' }))).toEqual(['80.0 MB']);
    expect(uploadFigures(snapshot({ totalChunks: 0, bytesPerSecond: null, etaSeconds: null }))).toHaveLength(1);
  });

  it('says what compression brought, and what a closed tab would lose', () => {
    const small = { size: 20_000_000, metadata: { originalSize: '691200044' } };
    expect(uploadFigures(snapshot({ ...small, status: 'completed' }))).toEqual(['691 MB → 20.0 MB, 35×']);
    expect(uploadFigures(snapshot({ status: 'recording', size: 24_000 }))).toEqual(['24.0 kB are safe']);
    expect(uploadWords(snapshot({ keeping: 'memory' })).note).toMatch(/^Keep this page open/);
    expect(uploadWords(snapshot({ status: 'needs-reselect' }))).toMatchObject({ offer: 'select', over: false });
  });

  it('has a progress bar that speaks', () => {
    expect(spokenProgress(snapshot())).toBe('Uploading, 43 %, 12 of 28 chunks, 9 seconds left');
  });
});

describe('what is said aloud', () => {
  const preparing = snapshot({ status: 'queued', progress: 0, bytesAcknowledged: 0 });

  it('the start, also of what continues', () => {
    expect(announcement(preparing, snapshot({ progress: 0, bytesAcknowledged: 0 }))).toBe('Uploading film.mp4.');
    expect(announcement(preparing, snapshot())).toBe('film.mp4 continues at 43 %.');
  });

  it('each quarter once', () => {
    expect(announcement(snapshot({ progress: 0.24 }), snapshot({ progress: 0.26 }))).toBe('film.mp4: 25 %.');
    expect(announcement(snapshot({ progress: 0.26 }), snapshot({ progress: 0.49 }))).toBeNull();
    expect(announcement(snapshot({ progress: 0.2 }), snapshot({ progress: 0.8 }))).toBe('film.mp4: 75 %.');
    expect(announcement(snapshot({ progress: 0.8 }), snapshot({ progress: 0.999 }))).toBeNull();
  });

  it('pause, going on, waiting, failure and the end', () => {
    expect(announcement(snapshot(), snapshot({ status: 'paused' }))).toBe('film.mp4 is paused at 43 %.');
    expect(announcement(snapshot({ status: 'paused' }), snapshot())).toBe('film.mp4 goes on.');
    expect(announcement(snapshot(), snapshot(unreachable))).toBe('film.mp4 waits: server not reachable.');
    expect(announcement(snapshot(unreachable), snapshot())).toBe('film.mp4 goes on.');
    const error = { type: 'server', code: 'insufficient-storage', message: 'No room.', retryable: true } as const;
    expect(announcement(snapshot(), snapshot({ status: 'failed', error }))).toBe('film.mp4 failed: No room.');
    expect(announcement(snapshot(), snapshot({ status: 'completed' }))).toBe('film.mp4 is stored.');
  });

  it('not that a chunk is sent again', () => {
    const retrying = snapshot({ status: 'waiting', waiting: { reason: 'retrying', until: 0 } });
    expect(announcement(snapshot(), retrying)).toBeNull();
    expect(announcement(retrying, snapshot())).toBeNull();
  });
});
