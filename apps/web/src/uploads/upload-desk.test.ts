import type { QueueItem, QueueSnapshot, UploadQueue } from '@holdfast/client/queue';
import { expect, it } from 'vitest';
import { createUploadDesk, type Outgoing } from './upload-desk.ts';

/** A desk whose queues only note the names of what they get, and show what they are told to. */
function setup(own: Partial<UploadQueue> = {}) {
  const taken: string[] = [];
  const said: string[] = [];
  let snapshot = { ready: true, items: [] as readonly QueueItem[] } as QueueSnapshot;
  let changed = () => {};
  let changes = 0;
  const desk = createUploadDesk({
    openedAt: 0,
    openQueue: (owner) => {
      const queue: Pick<UploadQueue, 'start' | 'close' | 'clear' | 'list' | 'addUpload' | 'snapshot' | 'subscribe'> = {
        get snapshot() {
          return snapshot;
        },
        subscribe: (listener) => {
          changed = listener;
          return () => {};
        },
        start: async () => {},
        close: async () => {},
        clear: async () => {},
        list: () => snapshot.items,
        addUpload: async (_content, _metadata, options) => {
          taken.push(`${owner}: ${options?.filename}`);
          return 'id';
        },
        ...own,
      };
      return queue as UploadQueue;
    },
    ...{ api: { cancelUpload: async () => {} }, onSignedOut: () => {} },
    announce: (text) => said.push(text),
    onOtherOwner: () => {
      changes += 1;
    },
  });
  const show = (items: readonly QueueItem[]) => {
    snapshot = { ...snapshot, items };
    changed();
  };
  return { desk, taken, said, show, changes: () => changes };
}

const file = (filename: string): Outgoing => ({
  ...{ content: new Blob(['x']), filename, lastModified: 1, lecture: null },
});
const item = (id: number, status: QueueItem['status']) =>
  ({
    ...{ id: String(id), filename: `${id}.wav`, status, size: 1, progress: 0, keeping: 'stored', completedAt: 1 },
    ...{ metadata: { lastModified: '1' }, waiting: null, error: null },
  }) as unknown as QueueItem;
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

it('what one person wanted to send is not sent by the next one', async () => {
  const { desk, taken, changes } = setup();
  desk.open('ana')();
  // Her session has ended; a compression has not.
  const sent = desk.send(file('private.webm'));
  desk.note('private.wav is sent as it is.', 'calm');
  desk.open('ben');
  await sent;
  await desk.send(file('talk.webm'));
  expect(taken).toEqual(['ben: talk.webm']);
  expect(desk.notes.getSnapshot()).toEqual([]);
  expect(changes()).toBe(1);
});

it('what somebody wanted to send goes on when they have signed in again, but not after they signed out', async () => {
  const { desk, taken, changes } = setup();
  desk.open('ana')();
  const later = desk.send(file('a.webm'));
  const close = desk.open('ana');
  await later;
  expect(taken).toEqual(['ana: a.webm']);
  await settle();
  await desk.wipe();
  expect(changes()).toBe(1);
  close();
  const never = desk.send(file('b.webm'));
  desk.open('ana');
  await never;
  expect(taken).toEqual(['ana: a.webm']);
});

it('says when many files are stored, also when one of them failed, and then tells of each again', () => {
  const { desk, said, show } = setup();
  desk.open('ana');
  const ten = Array.from({ length: 10 }, (_, id) => id);
  show(ten.map((id) => item(id, 'uploading')));
  expect(said).toEqual([]);
  const ended = ten.map((id) => item(id, id === 3 ? 'failed' : 'completed'));
  show(ended);
  expect(said).toEqual(['3.wav failed: It is not known why.', '9 files are stored.']);
  show([...ended, item(10, 'uploading')]);
  expect(said.at(-1)).toBe('Uploading 10.wav.');
});

it('shows, and not only says, that a file is on its way already', async () => {
  const { desk, said, show, taken } = setup();
  desk.open('ana');
  show([item(1, 'uploading')]);
  await desk.send(file('1.wav'));
  expect(taken).toEqual([]);
  expect(desk.notes.getSnapshot()).toMatchObject([{ text: '1.wav is on its way already.', tone: 'calm' }]);
  expect(said.at(-1)).toBe('1.wav is on its way already.');
});

it('what became of a file is not told to the next person', async () => {
  const storing = Promise.withResolvers<string>();
  const { desk } = setup({ addUpload: () => storing.promise });
  desk.open('ana');
  const [wiped, left] = [desk.send(file('private.webm')), desk.send(file('secret.webm'))];
  await settle();
  await desk.wipe();
  desk.open('ben');
  storing.reject(new Error('The upload was cancelled.'));
  await Promise.all([wiped, left]);
  expect(desk.notes.getSnapshot()).toEqual([]);
  await desk.send(file('talk.webm'));
  expect(desk.notes.getSnapshot()).toMatchObject([{ text: 'talk.webm was not taken: The upload was cancelled.' }]);
});

it('who signs out before their uploads were read leaves nothing either, and does not wait for that', async () => {
  let cleared = 0;
  const clear = () => {
    cleared += 1;
    return new Promise<void>(() => {});
  };
  const { desk } = setup({ snapshot: { ready: false, items: [] } as unknown as QueueSnapshot, clear });
  desk.open('ana');
  await desk.wipe();
  expect(cleared).toBe(1);
});
