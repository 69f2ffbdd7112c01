/** C17: what a recording does when something goes wrong under it, with a microphone of functions. The real one: test/e2e/recorder.test.ts. */
import { expect, it } from 'vitest';
import type { QueueRecording } from '../queue/upload-queue.ts';
import { UploadError } from '../upload-error.ts';
import { createRecorder } from './recorder.ts';

class FakeMediaRecorder {
  state: RecordingState = 'inactive';
  ondataavailable: ((event: { data: Blob }) => void) | null = null;
  onstop: (() => void) | null = null;

  start(): void {
    this.state = 'recording';
  }

  gives(text: string): void {
    this.ondataavailable?.({ data: new Blob([text]) });
  }

  /** As told to, or because it cannot go on. */
  stop(): void {
    this.state = 'inactive';
    this.gives('end');
    this.onstop?.();
  }
}

function setup(append: (text: string) => Promise<void> = async () => {}) {
  const stored: string[] = [];
  let finished = 0;
  const fake = new FakeMediaRecorder();
  const track = { onended: null, stop: () => {}, getSettings: () => ({ deviceId: 'mic' }) };
  const stream = { getAudioTracks: () => [track], getTracks: () => [track] } as unknown as MediaStream;
  const sink: QueueRecording = {
    id: 'r1',
    append: async (blob) => {
      const text = await blob.text();
      await append(text);
      stored.push(text);
    },
    finish: async () => {
      finished += 1;
      return 'r1';
    },
    discard: async () => {},
  };
  const mediaDevices = { getUserMedia: async () => stream, enumerateDevices: async () => [] };
  const recorder = createRecorder({
    sink: async () => sink,
    platform: {
      mediaDevices: mediaDevices as unknown as MediaDevices,
      canRecord: () => true,
      createRecorder: () => fake as unknown as MediaRecorder,
      createAudioContext: () => {
        throw new Error('There is none.');
      },
    },
  });
  return { recorder, fake, stored, finished: () => finished };
}

it('writes nothing behind a slice that could not be stored: what is there stays one piece', async () => {
  const full = new UploadError('No room.', { type: 'validation', code: 'storage-full', retryable: false });
  // The larger one finds no room; smaller ones would.
  const { recorder, fake, stored, finished } = setup(async (text) => {
    if (text === 'large') throw full;
  });
  await recorder.start();
  for (const text of ['a', 'large', 'b']) fake.gives(text);
  await expect.poll(() => recorder.snapshot.status).toBe('stopped');
  expect(recorder.snapshot.error).toBe(full);
  expect([stored, finished()]).toEqual([['a'], 1]);
});

it('a browser that cannot go on recording is seen: what there is is sent, and nobody speaks to nothing', async () => {
  const { recorder, fake, stored, finished } = setup();
  await recorder.start();
  fake.gives('a');
  fake.stop();
  await expect.poll(() => recorder.snapshot.status).toBe('stopped');
  expect(recorder.snapshot.error).toMatchObject({ code: 'microphone-lost' });
  expect([stored, finished()]).toEqual([['a', 'end'], 1]);
});

it('what could not be stored after somebody had stopped it is told, too', async () => {
  const full = new UploadError('No room.', { type: 'validation', code: 'storage-full', retryable: false });
  const slow = Promise.withResolvers<void>();
  const { recorder, fake, stored } = setup(async (text) => {
    if (text === 'b') await slow.promise;
  });
  await recorder.start();
  for (const text of ['a', 'b', 'c']) fake.gives(text);
  const stopped = recorder.stop();
  slow.reject(full);
  expect(await stopped).toBe('r1');
  expect(recorder.snapshot).toMatchObject({ status: 'stopped', error: full });
  expect(stored).toEqual(['a']);
});
