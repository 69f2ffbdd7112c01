import { expect, it, test } from 'vitest';
import { basePathOf, underBase, withoutBase } from './base.ts';

it.each([
  ['http://host/', ''],
  ['https://host/holdfast/', '/holdfast'],
  ['https://host/a/b/', '/a/b'],
])('%s is at %j', (uri, base) => {
  expect(basePathOf(uri)).toBe(base);
});

test('addresses get the base once, and lose it again', () => {
  for (const base of ['', '/holdfast']) {
    expect(underBase(base, '/v1/uploads')).toBe(`${base}/v1/uploads`);
    expect(underBase(base, underBase(base, '/v1/uploads'))).toBe(`${base}/v1/uploads`);
    expect(withoutBase(base, `${base}/activity`)).toBe('/activity');
    expect(withoutBase(base, base)).toBe('');
  }
  expect(withoutBase('/holdfast', '/holdfaster')).toBe('/holdfaster');
});
