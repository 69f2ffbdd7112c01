import { expect, it } from 'vitest';
import { createSession } from './session.ts';

function memoryStorage(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  } as Storage;
}

it('keeps the next visitor out of a session whose end the server has not heard of', () => {
  const storage = memoryStorage();
  const first = createSession(storage);
  first.signedIn();
  first.left({ told: false });
  const next = createSession(storage);
  expect([next.getSnapshot().signedOut, next.owesSignOut()]).toEqual([true, true]);
  next.signOutTold();
  expect([createSession(storage).getSnapshot().signedOut, next.owesSignOut()]).toEqual([false, false]);
});

it('owes nothing once the server was told, or somebody else has signed in', () => {
  const storage = memoryStorage();
  const session = createSession(storage);
  session.signedIn();
  session.left({ told: true });
  expect(session.owesSignOut()).toBe(false);
  session.left({ told: false });
  session.signedIn();
  expect([session.owesSignOut(), createSession(storage).getSnapshot()]).toEqual([
    false,
    { signedOut: false, canSignOut: true },
  ]);
});
