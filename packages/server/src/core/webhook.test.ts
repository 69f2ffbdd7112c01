/** The rules of webhooks: filters, retry schedule, what an answer comes to. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { oneLine } from './one-line.ts';
import {
  type Answer,
  askedToWaitMs,
  defaultPatterns,
  failureOf,
  isPattern,
  judge,
  messageIdOf,
  wants,
  webhookRetryMs,
  webhookType,
  webhookTypes,
} from './webhook.ts';

const hour = 3_600_000;
const policy = { firstRetryMs: 5_000, windowMs: 72 * hour };

function answered(status: number, given: Partial<Extract<Answer, { kind: 'answered' }>> = {}): Answer {
  return { kind: 'answered', status, retryAfterMs: null, body: '', ...given };
}

describe('filters', () => {
  it.each<[string[], string, boolean]>([
    [['upload.completed'], 'upload.completed', true],
    [['upload.completed'], 'upload.created', false],
    [['run.*'], 'run.failed', true],
    [['run.*'], 'step.failed', false],
    [['*'], 'step.failed', true],
    [['*', 'upload.*'], 'upload.progress', false],
    [['upload.progress'], 'upload.progress', true],
    [[...defaultPatterns], 'upload.bytes-dropped', true],
    [[...defaultPatterns], 'run.created', true],
    [[...defaultPatterns], 'step.started', false],
    [[...defaultPatterns], 'upload.progress', false],
  ])('%j and %s: %s', (patterns, type, wanted) => expect(wants(patterns, type)).toBe(wanted));

  test('a pattern that can match nothing is none', () => {
    for (const type of webhookTypes) expect(isPattern(type), type).toBe(true);
    for (const one of ['*', 'upload.*', 'run.*', 'step.*']) expect(isPattern(one), one).toBe(true);
    for (const one of ['', 'upload', 'upload.', 'upload.complete', 'Upload.*', '*.failed', 'file.*', 'run.**'])
      expect(isPattern(one), one).toBe(false);
  });

  test('uploads and runs are told apart by name', () => {
    expect(webhookType({ subject: 'upload', type: 'failed' })).toBe('upload.failed');
    expect(webhookType({ subject: 'run', type: 'run.failed' })).toBe('run.failed');
    expect(messageIdOf({ subjectId: 'a-b', seq: 7 })).toBe('evt_a-b_7');
  });
});

describe('the retry schedule', () => {
  test('waits are three times as long each time, up to 12 hours, with jitter', () => {
    const waits = [1, 2, 3, 4, 9, 10, 50].map((attempts) => webhookRetryMs(attempts, policy, 0));
    expect(waits).toEqual([5_000, 15_000, 45_000, 135_000, 32_805_000, 12 * hour, 12 * hour]);
    expect(webhookRetryMs(1, policy, 1)).toBe(3_750);
  });

  test('the default is about three days and fifteen attempts', () => {
    for (const random of [0, 0.5, 1]) {
      let at = 0;
      let attempts = 1;
      for (;;) {
        const verdict = judge({ attempts, giveUpAt: policy.windowMs }, answered(500), { policy, now: at, random });
        if (verdict.state !== 'pending') break;
        at = verdict.nextAt;
        attempts += 1;
      }
      expect(at).toBeGreaterThan(60 * hour);
      expect(at).toBeLessThanOrEqual(72 * hour);
      expect(attempts).toBeGreaterThanOrEqual(14);
      expect(attempts).toBeLessThanOrEqual(17);
    }
  });

  test('whatever is answered: delivered is 2xx, and the next attempt comes later, in time, or never', () => {
    const answers = fc.oneof(
      fc.record({
        kind: fc.constant('answered' as const),
        status: fc.integer({ min: 100, max: 599 }),
        retryAfterMs: fc.option(fc.nat(10 * 24 * hour)),
        body: fc.string(),
      }),
      fc.record({ kind: fc.constant('no-answer' as const), reason: fc.string() }),
    );
    fc.assert(
      fc.property(
        answers,
        fc.integer({ min: 1, max: 40 }),
        fc.nat(100 * hour),
        fc.float({ min: 0, max: 1, noNaN: true }),
        (answer, attempts, now, random) => {
          const verdict = judge({ attempts, giveUpAt: policy.windowMs }, answer, { policy, now, random });
          const ok = answer.kind === 'answered' && answer.status >= 200 && answer.status < 300;
          expect(verdict.state === 'delivered').toBe(ok);
          expect(failureOf(answer) === null).toBe(ok);
          if (verdict.state !== 'pending') return;
          expect(verdict.nextAt).toBeGreaterThan(now);
          expect(verdict.nextAt).toBeLessThanOrEqual(policy.windowMs);
          expect(verdict.nextAt - now).toBeGreaterThanOrEqual(askedToWaitMs(answer));
        },
      ),
    );
  });

  test('Retry-After counts when it is longer, and never for more than a day', () => {
    const facts = { policy, now: 0, random: 0 };
    const delivery = { attempts: 1, giveUpAt: policy.windowMs };
    expect(judge(delivery, answered(503, { retryAfterMs: 60_000 }), facts)).toEqual({
      state: 'pending',
      nextAt: 60_000,
    });
    expect(judge(delivery, answered(503, { retryAfterMs: 1 }), facts)).toEqual({ state: 'pending', nextAt: 5_000 });
    expect(askedToWaitMs(answered(429, { retryAfterMs: 1e12 }))).toBe(24 * hour);
    expect(askedToWaitMs(answered(200, { retryAfterMs: 60_000 }))).toBe(0);
  });
});

describe('words from outside', () => {
  test('a failure is one short line', () => {
    expect(failureOf(answered(204))).toBeNull();
    expect(failureOf(answered(302))).toBe('302: redirects are not followed');
    expect(failureOf(answered(500, { body: 'a\r\nb\u001b[31m\u0000 \u202e c' }))).toBe('500: a b [31m c');
    expect(failureOf(answered(500, { body: ' \n' }))).toBe('500');
    expect(failureOf(answered(500, { body: 'x'.repeat(10_000) }))?.length).toBe('500: '.length + 200);
    expect(failureOf({ kind: 'no-answer', reason: 'y'.repeat(999) })).toHaveLength(200);
  });

  test('any text becomes a well-formed line within the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 2, max: 30 }), (text, max) => {
        const line = oneLine(text, max);
        expect(line.length).toBeLessThanOrEqual(max);
        expect(line.isWellFormed()).toBe(true);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
    expect(oneLine('😀😀😀', 4).isWellFormed()).toBe(true);
  });
});
