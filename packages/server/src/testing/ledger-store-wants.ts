/** Checks of ledger stores: inputs that a step wants but can do without. */
import { expect } from 'vitest';
import type { RunPlan } from '../core/ledger.ts';
import { done, history, type LedgerCheck, nothingDue, now, publish, states, take } from './ledger-store-subject.ts';
import { samplePlan, sampleStep, unique } from './sample-upload.ts';

/** `summary` needs `scan` and wants `speech` and `text`; `line` needs `summary`. Each step has a class of its own: its name with a suffix. */
function wanting(): { plan: RunPlan; of: (name: string) => string } {
  const suffix = unique('class');
  const of = (name: string) => `${name}-${suffix}`;
  const step = (name: string, inputs: { needs?: string[]; wants?: string[] } = {}) =>
    sampleStep(name, { class: of(name), ...inputs });
  const steps = [
    step('scan'),
    step('speech'),
    step('text'),
    step('summary', { needs: ['scan'], wants: ['speech', 'text'] }),
    step('line', { needs: ['summary'] }),
  ];
  return { plan: samplePlan(steps, { pipeline: unique('pipeline') }), of };
}

const failure = (reason: string) => ({ reason, retryAt: null, now });

export const wantChecks: readonly LedgerCheck[] = [
  {
    name: 'a step waits for what it wants, and goes on without what failed or was skipped',
    run: async ({ ledger, uploads }) => {
      const { plan, of } = wanting();
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      await done(ledger, await take(ledger, of('scan'), 'scan'));
      await nothingDue(ledger, of('summary'));
      const speech = await take(ledger, of('speech'), 'speech');
      await ledger.fail(speech.step.key, speech.step.fence, failure('no such model'));
      await nothingDue(ledger, of('summary'));
      const text = await take(ledger, of('text'), 'text');
      await ledger.skip(text.step.key, text.step.fence, { reason: 'no pictures', lacks: null, now: now });
      const summary = await take(ledger, of('summary'), 'summary');
      expect(Object.keys(summary.inputs)).toEqual(['scan']);
      expect(summary.missing).toEqual({ speech: 'failed: no such model', text: 'skipped: no pictures' });
      await done(ledger, summary);
      const line = await take(ledger, of('line'), 'line');
      expect(line.missing).toEqual({});
      await done(ledger, line);
      expect(await states(ledger, runId)).toEqual({
        run: 'failed',
        scan: 'succeeded',
        speech: 'failed',
        text: 'skipped',
        summary: 'succeeded',
        line: 'succeeded',
      });
    },
  },
  {
    name: 'what is wanted and there is given like what is needed',
    run: async ({ ledger, uploads }) => {
      const { plan, of } = wanting();
      await publish(uploads, [plan]);
      for (const name of ['scan', 'speech', 'text']) await done(ledger, await take(ledger, of(name), name), { name });
      const { inputs, missing } = await take(ledger, of('summary'), 'summary');
      expect(Object.entries(inputs).map(([name, input]) => [name, input.step.output])).toEqual(
        expect.arrayContaining([
          ['scan', { name: 'scan' }],
          ['speech', { name: 'speech' }],
          ['text', { name: 'text' }],
        ]),
      );
      expect(missing).toEqual({});
    },
  },
  {
    name: 'a failed need skips a step at once, whatever it still wants',
    run: async ({ ledger, uploads }) => {
      const { plan, of } = wanting();
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const scan = await take(ledger, of('scan'), 'scan');
      await ledger.fail(scan.step.key, scan.step.fence, failure('broken'));
      expect(await states(ledger, runId)).toMatchObject({ run: 'running', speech: 'pending', summary: 'skipped' });
    },
  },
  {
    name: 'what was made without a wanted result is made again when that is there',
    run: async ({ ledger, uploads }) => {
      const { plan, of } = wanting();
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      await done(ledger, await take(ledger, of('scan'), 'scan'));
      await done(ledger, await take(ledger, of('text'), 'text'));
      const speech = await take(ledger, of('speech'), 'speech');
      await ledger.skip(speech.step.key, speech.step.fence, { reason: 'no engine', lacks: null, now: now });
      await done(ledger, await take(ledger, of('summary'), 'summary'), { words: 0 });
      const line = await take(ledger, of('line'), 'line');
      expect(await ledger.retryRun(runId, now)).toBe(true);
      // Still without an engine, so that nothing is to be done again.
      const without = await take(ledger, of('speech'), 'speech');
      await ledger.skip(without.step.key, without.step.fence, { reason: 'no engine', lacks: null, now: now });
      expect(await states(ledger, runId)).toMatchObject({ summary: 'succeeded', line: 'running' });
      await ledger.retryRun(runId, now);
      await done(ledger, await take(ledger, of('speech'), 'speech'), { words: 7 });
      expect(await states(ledger, runId)).toEqual({
        run: 'running',
        scan: 'succeeded',
        speech: 'succeeded',
        text: 'succeeded',
        summary: 'pending',
        line: 'blocked',
      });
      expect(await done(ledger, line)).toBe('lost');
      const again = await take(ledger, of('summary'), 'summary');
      expect(again.inputs['speech']?.step.output).toEqual({ words: 7 });
      expect(again.missing).toEqual({});
      await done(ledger, again, { words: 7 });
      await done(ledger, await take(ledger, of('line'), 'line'));
      expect(await states(ledger, runId)).toMatchObject({ run: 'succeeded', line: 'succeeded' });
      const told = await history(uploads, runId);
      expect(told.filter((event) => event === 'step.retrying summary')).toHaveLength(1);
      expect(told.filter((event) => event === 'step.started scan')).toHaveLength(1);
    },
  },
];
