import { expect, it } from 'vitest';
import { parseRoute, routePath } from './route.ts';

const id = 'ab'.repeat(32);

it.each([
  '/',
  '/?q=a+b%26c',
  '/activity',
  '/processing',
  '/status',
  `/assets/${id}`,
  `/assets/${id}?t=12.5`,
  '/nowhere',
])('%s comes back as it was', (path) => {
  expect(routePath(parseRoute(path))).toBe(path);
});

it('knows the pages, with or without a slash at the end', () => {
  expect(parseRoute('')).toEqual({ page: 'home' });
  expect(parseRoute('/activity/')).toEqual({ page: 'activity' });
  expect(parseRoute(`/assets/${id}`)).toEqual({ page: 'asset', id });
});

it('reads a place in a film, and nothing that is none', () => {
  expect(parseRoute(`/assets/${id}?t=123`)).toEqual({ page: 'asset', id, at: 123 });
  for (const t of ['', '-1', 'NaN', '1e9', '99999999', '0x10']) {
    expect(parseRoute(`/assets/${id}?t=${t}`)).toEqual({ page: 'asset', id });
  }
  expect(parseRoute('/?q=%20')).toEqual({ page: 'home' });
});

it('does not take anything else for an asset', () => {
  for (const path of ['/assets/', '/assets/abc', `/assets/${id}/more`, '/assets/../v1']) {
    expect(parseRoute(path).page).toBe('missing');
  }
});
