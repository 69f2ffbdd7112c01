import { expect, it } from 'vitest';
import { afterNodeDeath, nodeDeathsMax } from './node-deaths.ts';

function deathsUntilSetAside(attemptsMax: number, alone: (death: number) => boolean): string {
  let known: ReturnType<typeof afterNodeDeath> = { deaths: 0, alone: 0, setAside: null };
  while (known.setAside === null) known = afterNodeDeath({ attemptsMax }, known, alone(known.deaths + 1));
  return `${known.deaths}: ${known.setAside}`;
}

it('sets a step aside that was alone as often as it may be tried, and any after ten deaths, or as many as it has attempts', () => {
  expect(deathsUntilSetAside(3, () => true)).toBe('3: 3 times with nothing else running there');
  expect(deathsUntilSetAside(1, () => true)).toBe('1: once with nothing else running there');
  expect(deathsUntilSetAside(3, () => false)).toBe(`${nodeDeathsMax}: 10 times in all`);
  expect(deathsUntilSetAside(3, (death) => death % 2 === 0)).toBe('6: 3 times with nothing else running there');
  expect(deathsUntilSetAside(20, () => false)).toBe('20: 20 times in all');
  expect(deathsUntilSetAside(20, () => true)).toBe('20: 20 times with nothing else running there');
});
