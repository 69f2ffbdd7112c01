import type { CompressionResult } from '@holdfast/client/audio';
import { expect, it } from 'vitest';
import type { Outgoing } from '../uploads/upload-desk.ts';
import { type Audio, createWorkshop, type Order } from './workshop.ts';

const result = (change: Partial<CompressionResult>): CompressionResult => ({
  ...{ blob: new Blob(['small']), ratio: 20, durationSeconds: 1, inputBitrate: 1, outputBitrate: 1, warnings: [] },
  ...{ estimatedAsrImpact: { relativeWerIncrease: [0, 0], basis: '' }, skipped: null },
  ...change,
});

function workshop(compress: Audio['compress']) {
  const sent: Outgoing[] = [];
  const notes: string[] = [];
  const audio = { compress, autoCompress: async () => result({}), estimateCompressions: async () => [] } as Audio;
  const made = createWorkshop({
    loadAudio: async () => audio,
    send: async (outgoing) => void sent.push(outgoing),
    note: (text) => void notes.push(text),
    announce: () => {},
  });
  const empty = () =>
    new Promise<void>((resolve) => {
      const look = () => made.pieces.getSnapshot().length === 0 && resolve();
      made.pieces.subscribe(look);
      look();
    });
  return { made, sent, notes, empty };
}

const order = (name: string, change: Partial<Order> = {}): Order => ({
  file: new File(['x'.repeat(100)], name, { type: 'audio/wav', lastModified: 5 }),
  ...{ goal: 'SPEECH', lecture: null, keepsOriginal: false },
  ...change,
});

it('sends what was made of it, as something that cannot be selected again; and the original if that is wanted', async () => {
  const { made, sent, empty } = workshop(async () => result({}));
  made.add([order('a.wav', { keepsOriginal: true }), order('b.wav', { goal: { targetSizeMB: 1 } })]);
  expect(made.pieces.getSnapshot().map(({ filename }) => filename)).toEqual(['a.wav', 'b.wav']);
  await empty();
  expect(sent.map(({ filename, originalSize, priority }) => [filename, originalSize, priority])).toEqual([
    ['a.webm', 100, undefined],
    ['a.wav', undefined, 'low'],
    ['b.webm', 100, undefined],
  ]);
  expect(sent[0]?.content).not.toBeInstanceOf(File);
});

it('C15 sends the original where compression does not help or breaks, and says so', async () => {
  const skipped = { reason: 'not-smaller', message: 'It is small already.' } as const;
  const { made, sent, notes, empty } = workshop(async (blob) => {
    if (blob instanceof File && blob.name === 'b.wav') throw new Error('No memory.');
    return result({ blob, skipped });
  });
  made.add([order('a.wav'), order('b.wav')]);
  await empty();
  expect(sent.map(({ filename }) => filename)).toEqual(['a.wav', 'b.wav']);
  expect(notes).toEqual(['a.wav is sent as it is: It is small already.', 'b.wav is sent as it is: No memory.']);
});

it('what is cancelled is not sent, and the next one comes', async () => {
  const began = Promise.withResolvers<void>();
  const { made, sent, empty } = workshop(async (blob, _preset, options) => {
    if (!(blob instanceof File) || blob.name !== 'a.wav') return result({});
    began.resolve();
    await new Promise((_, reject) => options?.signal?.addEventListener('abort', () => reject(new Error('Stopped.'))));
    return result({});
  });
  made.add([order('a.wav'), order('b.wav'), order('c.wav')]);
  await began.promise;
  const [first, second] = made.pieces.getSnapshot();
  made.cancel(second?.id ?? 0);
  made.cancel(first?.id ?? 0);
  await empty();
  await expect.poll(() => sent.map(({ filename }) => filename)).toEqual(['c.webm']);
});

it('when somebody leaves, nothing of theirs is compressed or sent any more, not even the original afterwards', async () => {
  const sending = Promise.withResolvers<void>();
  const stored = Promise.withResolvers<void>();
  const sent: string[] = [];
  const audio = { compress: async () => result({}) } as unknown as Audio;
  const made = createWorkshop({
    loadAudio: async () => audio,
    send: async ({ filename }) => {
      sent.push(filename);
      sending.resolve();
      await stored.promise;
    },
    ...{ note: () => {}, announce: () => {} },
  });
  made.add([order('a.wav', { keepsOriginal: true }), order('b.wav')]);
  await sending.promise;
  made.clear();
  expect(made.pieces.getSnapshot()).toEqual([]);
  stored.resolve();
  made.add([order('c.wav')]);
  await expect.poll(() => sent).toEqual(['a.webm', 'c.webm']);
});
