import { expect, it } from 'vitest';
import { parseRoute, routePath } from './route.ts';

const id = 'ab'.repeat(32);

it.each(['/', '/activity', '/processing', '/status', `/assets/${id}`, '/nowhere'])(
  '%s comes back as it was',
  (path) => {
    expect(routePath(parseRoute(path))).toBe(path);
  },
);

it('knows the pages, with or without a slash at the end', () => {
  expect(parseRoute('')).toEqual({ page: 'home' });
  expect(parseRoute('/activity/')).toEqual({ page: 'activity' });
  expect(parseRoute(`/assets/${id}`)).toEqual({ page: 'asset', id });
});

it('does not take anything else for an asset', () => {
  for (const path of ['/assets/', '/assets/abc', `/assets/${id}/more`, '/assets/../v1']) {
    expect(parseRoute(path).page).toBe('missing');
  }
});
