import type { QueueSnapshot, UploadQueue } from '@holdfast/client/queue';
import { expect, it } from 'vitest';
import { createUploadDesk, type Outgoing } from './upload-desk.ts';

/** A desk whose queues only note the names of what they get. */
function setup() {
  const taken: string[] = [];
  let changes = 0;
  const desk = createUploadDesk({
    openedAt: 0,
    openQueue: (owner) => {
      const queue: Pick<UploadQueue, 'start' | 'close' | 'clear' | 'list' | 'addUpload' | 'snapshot' | 'subscribe'> = {
        snapshot: { ready: true, items: [] as const } as unknown as QueueSnapshot,
        subscribe: () => () => {},
        start: async () => {},
        close: async () => {},
        clear: async () => {},
        list: () => [],
        addUpload: async (_content, _metadata, options) => {
          taken.push(`${owner}: ${options?.filename}`);
          return 'id';
        },
      };
      return queue as UploadQueue;
    },
    ...{ api: { cancelUpload: async () => {} }, announce: () => {}, onSignedOut: () => {} },
    onOtherOwner: () => {
      changes += 1;
    },
  });
  return { desk, taken, changes: () => changes };
}

const file = (filename: string): Outgoing => ({
  ...{ content: new Blob(['x']), filename, lastModified: 1, lecture: null },
});
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
