import { expect, it } from 'vitest';
import { checkTitle, statusWords } from './health.ts';

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
