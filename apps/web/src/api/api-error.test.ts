import { expect, it } from 'vitest';
import { errorFromAnswer, messageOf } from './api-error.ts';

it('takes the sentence and the code of a problem document', () => {
  const body = JSON.stringify({ title: 'Paused', detail: 'Resume it first.', code: 'upload-paused', status: 409 });
  expect(errorFromAnswer(409, body)).toMatchObject({
    kind: 'refused',
    message: 'Resume it first.',
    code: 'upload-paused',
    status: 409,
  });
});

it.each([
  [401, 'signed-out'],
  [404, 'not-found'],
  [503, 'unreachable'],
  [500, 'refused'],
] as const)('%i is %s', (status, kind) => {
  expect(errorFromAnswer(status, '').kind).toBe(kind);
});

it('makes do with what a proxy answers', () => {
  expect(errorFromAnswer(418, '<html>teapot</html>').message).toBe('The server answered 418.');
  expect(errorFromAnswer(418, '"text"').message).toBe('The server answered 418.');
  expect(errorFromAnswer(418, 'null').message).toBe('The server answered 418.');
});

it('has a sentence for anything that is thrown', () => {
  expect(messageOf(new Error('broken'))).toBe('broken');
  expect(messageOf('text')).toBe('text');
});
