import { expect, it } from 'vitest';
import { createPlayback } from './playback.ts';

/** As much of a media element as is used. */
class Player extends EventTarget {
  readyState = 0;
  paused = true;
  ended = false;
  currentTime = 0;

  knows() {
    this.readyState = 1;
    this.dispatchEvent(new Event('loadedmetadata'));
  }

  at(seconds: number) {
    this.currentTime = seconds;
    this.dispatchEvent(new Event('timeupdate'));
  }
}

function attached(startAt: number) {
  const playback = createPlayback(startAt);
  const player = new Player();
  playback.attach(player as unknown as HTMLMediaElement);
  return { playback, player };
}

it('keeps a place that was asked for until the player can go there', () => {
  const { playback, player } = attached(12);
  expect(playback.now()).toBe(12);
  player.at(0);
  expect(playback.now()).toBe(12);
  player.knows();
  expect(player.currentTime).toBeCloseTo(12, 2);
});

it('tells where the player is, and no longer once it is gone', () => {
  const { playback, player } = attached(0);
  player.knows();
  const places: number[] = [];
  const stop = playback.subscribe(() => places.push(playback.now()));
  player.at(3);
  playback.seek(-5);
  stop();
  player.at(9);
  expect(places).toEqual([3, 0.001]);
  playback.attach(null);
  player.at(20);
  expect(playback.now()).toBe(9);
});

it('goes on at the same place with another source', () => {
  const { playback, player } = attached(0);
  player.knows();
  player.at(7);
  const next = new Player();
  playback.attach(next as unknown as HTMLMediaElement);
  next.at(0);
  expect(playback.now()).toBe(7);
  next.knows();
  expect(next.currentTime).toBeCloseTo(7, 2);
});
