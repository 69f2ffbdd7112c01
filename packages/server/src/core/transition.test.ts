/**
 * The upload state machine against a model that keeps every byte (A1, A3, A4). Random sizes, chunk sizes, orders, duplicates, conflicting
 * duplicates, pauses, cancels, crashes between any two commits, takeovers. fast-check prints the seed of a failure.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Command } from './command.ts';
import { newUpload } from './creation.ts';
import { digestOfText } from './digest.ts';
import { chunkCount, chunkRange } from './grid.ts';
import { defaultLimits } from './limits.ts';
import type { Decision } from './ports/upload-store.ts';
import { transition } from './transition.ts';
import { type Extent, finalPhases, type NewEvent, type Upload } from './upload.ts';

const limits = { ...defaultLimits, chunkBytesMin: 1, chunkBytesDefault: 4 };
const ttlMs = limits.uploadTtlMs;
const hash = 'ab'.repeat(32);

/** What a store does, and nothing more: applies accepted decisions to one upload. */
class Machine {
  upload: Upload;
  readonly extents = new Map<number, Extent>();
  readonly events: NewEvent[] = [];
  published = 0;
  now = 1_000;

  constructor(size: number, chunkSize: number, expected?: string) {
    const wish = { id: 'u', principal: 'p', protocol: 'native', filename: 'f', size, chunkSize };
    const digest = expected === undefined ? {} : { expectedDigest: digestOfText(expected) };
    this.upload = newUpload({ ...wish, ...digest }, limits, this.now).upload;
  }

  do(command: Command, offset?: number): Decision {
    this.now += 1;
    const decision = transition(
      this.upload,
      offset === undefined ? null : (this.extents.get(offset) ?? null),
      command,
      this.now,
    );
    if (decision.kind === 'reject') return decision;
    this.upload = decision.next;
    this.events.push(...decision.events);
    for (const write of decision.writes) {
      if (write.type === 'insert-extent') {
        expect(this.extents.has(write.extent.offset)).toBe(false);
        this.extents.set(write.extent.offset, write.extent);
      } else if (write.type === 'delete-extents') for (const at of write.offsets) this.extents.delete(at);
      else this.published += 1;
    }
    return decision;
  }

  /** A receipt for chunk `index` whose bytes have the checksum `crc32`. */
  record(index: number, crc32: number): Decision {
    const range = chunkRange({ size: this.upload.size ?? 0, chunkSize: this.upload.chunkSize }, index);
    if (!range) throw new Error(`no chunk ${index}`);
    const extent = { offset: range.start, length: range.end - range.start, crc32, sha256: null, receivedAt: this.now };
    return this.do({ type: 'record', extent, lease: this.lease('a'), ttlMs }, range.start);
  }

  lease(holder: string) {
    return { holder, until: this.now + 100 };
  }

  get storedBytes(): number {
    return [...this.extents.values()].reduce((sum, e) => sum + e.length, 0);
  }
}

function codeOf(decision: Decision): string {
  return decision.kind === 'reject' ? decision.error.code : 'accepted';
}

type Action =
  | { readonly do: 'chunk'; readonly pick: number; readonly crc: number }
  | { readonly do: 'pause' | 'resume' | 'finish' | 'takeover' | 'zombie' | 'expire' }
  | { readonly do: 'drop'; readonly pick: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('chunk' as const), pick: fc.nat(), crc: fc.constantFrom(1, 1, 1, 1, 2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'pause' as const,
        'resume' as const,
        'resume' as const,
        'finish' as const,
        'takeover' as const,
        'zombie' as const,
        'expire' as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), pick: fc.nat() }) },
);

/** Sizes around multiples of the chunk, and empty files. */
const shape = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.nat(9), fc.integer({ min: -1, max: 1 }))
  .map(([chunk, chunks, off]) => ({ chunk, size: Math.max(0, chunk * chunks + off) }));

function perform(machine: Machine, step: Action, model: Map<number, number>): void {
  const total = chunkCount({ size: machine.upload.size ?? 0, chunkSize: machine.upload.chunkSize });
  const before = machine.upload;
  const phase = before.phase.name;
  if (step.do === 'chunk' && total > 0) {
    const index = step.pick % total;
    const had = model.get(index);
    const code = codeOf(machine.record(index, step.crc));
    if (had !== undefined) expect(code).toBe(had === step.crc ? 'accepted' : 'chunk-conflict');
    else if (phase === 'receiving') {
      expect(code).toBe('accepted');
      model.set(index, step.crc);
    } else
      expect(code).toBe(
        phase === 'paused'
          ? 'upload-paused'
          : phase === 'validating' || phase === 'assembling'
            ? 'upload-finishing'
            : 'upload-closed',
      );
  } else if (step.do === 'pause') machine.do({ type: 'pause' });
  else if (step.do === 'resume') machine.do({ type: 'resume', ttlMs });
  else if (step.do === 'expire') expect(machine.do({ type: 'expire' }).kind).toBe('accept');
  else if (step.do === 'drop' && total > 0) {
    const index = step.pick % total;
    const offset = index * machine.upload.chunkSize;
    machine.do({ type: 'drop', reason: 'test', ttlMs }, offset);
    if (!machine.extents.has(offset)) model.delete(index);
  } else if (step.do === 'takeover' && (phase === 'validating' || phase === 'assembling')) {
    expect(codeOf(machine.do({ type: 'claim', lease: machine.lease('b') }))).toBe('lease-lost');
    machine.now += 1_000;
    expect(codeOf(machine.do({ type: 'claim', lease: machine.lease('b') }))).toBe('accepted');
    expect(machine.upload.fence).toBe(before.fence + 1);
  } else if (step.do === 'zombie') {
    const late = { fence: before.fence - 1, digest: hash };
    expect(codeOf(machine.do({ type: 'verified', ...late }))).toBe('lease-lost');
    expect(codeOf(machine.do({ type: 'placed', ...late, contentType: 'a/b', runs: [] }))).toBe('lease-lost');
    expect(machine.upload).toBe(before);
  } else if (step.do === 'finish' && phase === 'validating')
    machine.do({ type: 'verified', fence: before.fence, digest: hash });
  else if (step.do === 'finish' && phase === 'assembling')
    machine.do({ type: 'placed', fence: before.fence, contentType: 'a/b', runs: [] });
}

function checkAgainstModel(machine: Machine, model: Map<number, number>): void {
  expect(machine.upload.receivedBytes).toBe(machine.storedBytes);
  expect(machine.upload.receivedExtents).toBe(model.size);
  expect([...machine.extents.keys()].sort((a, b) => a - b)).toEqual(
    [...model.keys()].map((i) => i * machine.upload.chunkSize).sort((a, b) => a - b),
  );
}

describe('any order of commands', () => {
  test('keeps exactly the acknowledged chunks, and always ends completed once when everything is sent', () => {
    fc.assert(
      fc.property(shape, fc.array(action, { maxLength: 60 }), ({ chunk, size }, steps) => {
        const machine = new Machine(size, chunk);
        const model = new Map<number, number>();
        for (const step of steps) {
          perform(machine, step, model);
          checkAgainstModel(machine, model);
        }
        machine.do({ type: 'resume', ttlMs });
        for (let i = 0; i < chunkCount({ size, chunkSize: machine.upload.chunkSize }); i += 1)
          machine.record(i, model.get(i) ?? 1);
        if (size === 0) machine.do({ type: 'seal', lease: machine.lease('a') });
        machine.do({ type: 'verified', fence: machine.upload.fence, digest: hash });
        machine.do({ type: 'placed', fence: machine.upload.fence, contentType: 'a/b', runs: [] });
        expect(machine.upload.phase).toMatchObject({ name: 'completed', assetId: hash });
        expect(machine.published).toBe(1);
        expect(machine.events.filter((e) => e.type === 'completed')).toHaveLength(1);
      }),
      { numRuns: 500 },
    );
  });

  test('nothing changes a final upload', () => {
    const endings = finalPhases.filter((name) => name !== 'completed');
    fc.assert(
      fc.property(fc.constantFrom(...endings), fc.array(action, { maxLength: 20 }), (ending, steps) => {
        const machine = new Machine(10, 4, ending === 'failed' ? 'cd'.repeat(32) : undefined);
        const model = new Map<number, number>();
        if (ending === 'cancelled') machine.do({ type: 'cancel' });
        if (ending === 'expired') {
          machine.now += ttlMs + 1;
          machine.do({ type: 'expire' });
        }
        if (ending === 'failed') {
          for (const i of [0, 1, 2]) {
            machine.record(i, 1);
            model.set(i, 1);
          }
          machine.do({ type: 'verified', fence: machine.upload.fence, digest: hash });
        }
        expect(machine.upload.phase.name).toBe(ending);
        const final = machine.upload;
        for (const step of steps) perform(machine, step, model);
        expect(machine.upload).toBe(final);
      }),
    );
  });
});

describe('single rules', () => {
  test('a declared digest that differs fails the upload with both digests and what to do', () => {
    const machine = new Machine(4, 4, 'cd'.repeat(32));
    machine.record(0, 1);
    machine.do({ type: 'verified', fence: machine.upload.fence, digest: hash });
    expect(machine.upload.phase).toMatchObject({
      name: 'failed',
      code: 'digest-mismatch',
      reason: expect.stringMatching(/SHA-256 abab.*cdcd.*upload it again/s),
      actual: { algorithm: 'sha-256', value: hash },
    });
  });

  test('a digest by another algorithm is compared with what the bytes have by that one', () => {
    const md5 = (byte: string) => ({ algorithm: 'md5', value: byte.repeat(16) }) as const;
    for (const [actual, phase] of [
      [md5('0f'), { name: 'assembling', digest: hash }],
      [md5('f0'), { name: 'failed', code: 'digest-mismatch', reason: expect.stringMatching(/MD5 f0f0.*0f0f/s) }],
    ] as const) {
      const machine = new Machine(4, 4, `md5:${'0F'.repeat(16)}`);
      machine.record(0, 1);
      const verified = { type: 'verified', fence: machine.upload.fence, digest: hash } as const;
      expect(() => machine.do(verified), 'a finisher that computed none is broken').toThrow(/md5/);
      machine.do({ ...verified, declared: actual });
      expect(machine.upload.phase).toMatchObject(phase);
      if (machine.upload.phase.name === 'failed') expect(machine.upload.phase.actual).toEqual(actual);
    }
  });

  test('progress events come once a percent, as percent and n/total (A2)', () => {
    const machine = new Machine(1000, 1);
    for (let i = 0; i < 1000; i += 1) machine.record(i, 1);
    const progress = machine.events.filter((e) => e.type === 'progress');
    expect(progress).toHaveLength(100);
    expect(progress[36]).toMatchObject({
      message: '37 % (370/1000)',
      data: { percent: 37, chunks: 370, totalChunks: 1000 },
    });
  });

  test('a receipt puts expiry off; expiry before its time does nothing', () => {
    const machine = new Machine(8, 4);
    machine.now += ttlMs - 10;
    machine.record(0, 1);
    machine.now += 20;
    machine.do({ type: 'expire' });
    expect(machine.upload.phase.name).toBe('receiving');
    machine.now += ttlMs;
    machine.do({ type: 'expire' });
    expect(machine.upload.phase.name).toBe('expired');
  });

  test('cancel while validating takes the lease away from the finisher', () => {
    const machine = new Machine(4, 4);
    machine.record(0, 1);
    const { fence } = machine.upload;
    machine.do({ type: 'cancel' });
    expect(codeOf(machine.do({ type: 'verified', fence, digest: hash }))).toBe('lease-lost');
    expect(machine.upload.phase.name).toBe('cancelled');
    expect(codeOf(machine.do({ type: 'cancel' }))).toBe('accepted');
  });

  test('content of a wrong type ends an upload that takes bytes, and no other', () => {
    const refuse = { type: 'refuse', code: 'unsupported-type', reason: 'The content is image/png.' } as const;
    for (const before of [[], [{ type: 'pause' }]] as const) {
      const machine = new Machine(8, 4);
      machine.record(1, 1);
      for (const command of before) machine.do(command);
      expect(codeOf(machine.do(refuse))).toBe('accepted');
      expect(machine.upload).toMatchObject({ fence: 1, phase: { name: 'failed', code: 'unsupported-type' } });
      expect(machine.events.at(-1)).toMatchObject({ type: 'failed', data: { code: 'unsupported-type' } });
      expect(codeOf(machine.do(refuse))).toBe('upload-closed');
      expect(codeOf(machine.record(0, 1))).toBe('upload-closed');
    }
    const whole = new Machine(4, 4);
    whole.record(0, 1);
    expect(codeOf(whole.do(refuse))).toBe('upload-finishing');
    expect(whole.upload.phase.name).toBe('validating');
  });

  test('damaged bytes found while validating bring the upload back to receiving', () => {
    const machine = new Machine(8, 4);
    machine.record(0, 1);
    machine.record(1, 1);
    machine.do({ type: 'drop', reason: 'damaged', ttlMs }, 4);
    expect(machine.upload).toMatchObject({ phase: { name: 'receiving' }, receivedBytes: 4 });
    machine.record(1, 9);
    expect(machine.upload.phase.name).toBe('validating');
  });
});
