/** C14: commands of a tab that follows, when the one that leads cannot write or goes away. */
import { expect, it } from 'vitest';
import { SentCommands } from './sent-commands.ts';
import type { TabMessage } from './tab-channel.ts';

function setup() {
  const posted: TabMessage[] = [];
  let last = 0;
  const commands = new SentCommands({ post: (message) => posted.push(message), close: () => {} }, () => {
    last += 1;
    return String(last);
  });
  return { commands, posted };
}

it('every command is taken over by the tab that leads next, also behind one that fails', {
  timeout: 2_000,
}, async () => {
  const { commands } = setup();
  const sent = ['a', 'b', 'c'].map((id) => commands.send('pause', id));
  const ends = Promise.allSettled(sent);
  const performed: string[] = [];
  await commands
    .takeOver(async (_name, id) => {
      performed.push(id);
      if (id === 'a') throw new DOMException('No room.', 'QuotaExceededError');
    })
    .catch(() => {});
  expect(performed).toEqual(['a', 'b', 'c']);
  expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});

it('C17: one that nobody has answered fails when its tab closes, and so does one that comes later', async () => {
  const { commands, posted } = setup();
  const waiting = commands.send('pause', 'a');
  commands.close();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled', name: 'UploadError' });
  await expect(commands.send('resume', 'a')).rejects.toMatchObject({ code: 'cancelled' });
  expect(posted).toHaveLength(1);
});

it('C17: one that could not be written down fails for whoever gave it', async () => {
  const { commands } = setup();
  const [paused, cancelled, old] = [
    commands.send('pause', 'a'),
    commands.send('cancel', 'b'),
    commands.send('retry', 'c'),
  ];
  const error = { type: 'validation', code: 'unexpected', message: 'No room.', retryable: false } as const;
  commands.done('1', error);
  commands.done('2', null);
  // By a page of an earlier version.
  commands.done('3', undefined);
  await expect(paused).rejects.toMatchObject({ ...error, name: 'UploadError' });
  await cancelled;
  await old;
});
