import { expect, it } from 'vitest';
import { checkTitle, statusWords } from './health.ts';
import { countWords, folderTone, folderWords } from './watch.ts';

it.each([
  ['state', 'State'],
  ['watch:/srv/films', 'Watch: /srv/films'],
  ['watch:C:/films', 'Watch: C:/films'],
])('C8: the check %s is shown as %s', (name, title) => {
  expect(checkTitle(name)).toBe(title);
});

it('C8: each state of the server has words of its own', () => {
  const words = (['ok', 'degraded', 'failing'] as const).map(statusWords);
  expect(new Set(words).size).toBe(3);
});

it('D1: says how a watched folder is looked after, and what is the matter with it', () => {
  const folder = {
    state: 'watching',
    reason: null,
    notices: 'changes',
    noticesReason: null,
    intervalSeconds: 300,
  } as const;
  expect(folderWords(folder)).toBe('Watched: changes are noticed at once, and it is looked at every 300 s.');
  expect(folderWords({ ...folder, notices: 'interval', noticesReason: 'It is a network share.' })).toBe(
    'Watched: looked at every 300 s. It is a network share.',
  );
  const away = { ...folder, state: 'offline', reason: 'The share is not mounted.' } as const;
  expect(folderWords(away)).toBe('Not reachable. The share is not mounted.');
  expect([folder, away, { state: 'starting' } as const].map(folderTone)).toEqual(['well', 'bad', 'calm']);
});

it('D1: counts only what there is any of', () => {
  const none = { waiting: 0, taken: 0, done: 0, ignored: 0, succeeded: 0, failed: 0, known: 0 };
  expect(countWords(none)).toBe('0 files');
  expect(countWords({ ...none, waiting: 2, succeeded: 1_500, failed: 1 })).toBe('2 waiting, 1,500 processed, 1 failed');
});
