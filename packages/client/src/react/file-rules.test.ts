import { expect, test } from 'vitest';
import { refusalOf } from './file-rules.ts';

const file = (name: string, type: string, size = 1) => ({ name, blob: new Blob(['x'.repeat(size)], { type }) });

test.each([
  ['audio/*', 'a.wav', 'audio/wav', true],
  ['audio/*', 'a.wav', 'AUDIO/WAV;codecs=1', true],
  ['audio/*', 'a.mp4', 'video/mp4', false],
  ['.WAV, .flac', 'A.wav', '', true],
  ['.wav', 'wav', '', false],
  ['audio/wav,video/mp4', 'a', 'video/mp4', true],
  ['audio/wav', 'a.wav', '', false],
  [' , ', 'anything', '', true],
])('C11 accept "%s" of %s (%s): %s', (accept, name, type, taken) => {
  expect(refusalOf(file(name, type), { accept })?.code ?? null).toBe(taken ? null : 'wrong-type');
});

test('C11 C17 too large is a validation error that says how large it may be', () => {
  expect(refusalOf(file('a', '', 10), { maxSize: 10 })).toBe(null);
  const refusal = refusalOf(file('a', '', 11), { maxSize: 10 });
  expect(refusal).toMatchObject({ type: 'validation', code: 'too-large', retryable: false, details: { maxSize: 10 } });
});
