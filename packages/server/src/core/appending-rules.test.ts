/**
 * Uploads that are appended to, against a model that keeps the bytes (A1, A3, A4): random cuts, wrong offsets, stale fences, lengths told
 * early, late or twice, pauses, takeovers, damage. fast-check prints the seed of a failure.
 */
import { crc32 } from '@node-rs/crc32';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toldLength } from './appending-rules.ts';
import type { Command } from './command.ts';
import { newUpload } from './creation.ts';
import { defaultLimits } from './limits.ts';
import type { Decision } from './ports/upload-store.ts';
import { transition } from './transition.ts';
import type { Extent, Upload } from './upload.ts';

const ttlMs = defaultLimits.uploadTtlMs;
const lease = { holder: 'a', until: 10_000_000 };
const whole = Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 37) % 256));

/** What a store does, and nothing more. */
class Machine {
  upload: Upload;
  readonly extents = new Map<number, Extent>();
  now = 1_000;

  constructor(size: number | null, ends: Upload['ends'] = 'by-length') {
    const wish = { id: 'u', principal: 'p', protocol: 'tus', filename: 'f', size, intake: 'append', ends } as const;
    this.upload = newUpload(wish, defaultLimits, this.now).upload;
  }

  do(command: Command, at: number | 'last' | null = null): Decision {
    this.now += 1;
    const last = [...this.extents.keys()].reduce((max, offset) => Math.max(max, offset), -1);
    const extent = at === null ? null : (this.extents.get(at === 'last' ? last : at) ?? null);
    const decision = transition(this.upload, extent, command, this.now);
    if (decision.kind === 'reject') return decision;
    this.upload = decision.next;
    for (const write of decision.writes) {
      if (write.type === 'insert-extent') {
        expect(this.extents.has(write.extent.offset)).toBe(false);
        this.extents.set(write.extent.offset, write.extent);
      } else if (write.type === 'delete-extents') for (const offset of write.offsets) this.extents.delete(offset);
    }
    return decision;
  }

  append(offset: number, length: number, given: { fence?: number; end?: boolean } = {}): Decision {
    const bytes = whole.subarray(offset, offset + length);
    const extent: Extent | null =
      length === 0 ? null : { offset, length, crc32: crc32(bytes), sha256: null, receivedAt: this.now };
    const { fence = this.upload.fence, end = false } = given;
    return this.do({ type: 'append', extent, end, fence, lease, ttlMs }, 'last');
  }

  declare(size: number): Decision {
    return this.do({ type: 'declare-length', size, chunkSize: 4, lease });
  }
}

function codeOf(decision: Decision): string {
  return decision.kind === 'reject' ? decision.error.code : 'accepted';
}

type Action =
  | { readonly do: 'append'; readonly length: number; readonly off: number; readonly stale: boolean }
  | { readonly do: 'declare'; readonly size: number }
  | { readonly do: 'pause' | 'resume' | 'seize' | 'drop' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      length: fc.integer({ min: 1, max: 20 }),
      off: fc.constantFrom(0, 0, 0, 0, -1, 1),
      stale: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('declare' as const), size: fc.nat(64) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('pause' as const, 'resume' as const, 'resume' as const, 'seize' as const, 'drop' as const),
    }),
  },
);

interface Model {
  stored: number;
  size: number | null;
}

function perform(machine: Machine, step: Action, model: Model): void {
  const { phase, fence } = machine.upload;
  if (step.do === 'append') {
    const offset = model.stored + step.off;
    const room = (model.size ?? 64) - offset;
    if (offset < 0 || room <= 0) return;
    const length = Math.min(step.length, room);
    const code = codeOf(machine.append(offset, length, step.stale ? { fence: fence - 1 } : {}));
    if (phase.name !== 'receiving') expect(code).toBe(phase.name === 'paused' ? 'upload-paused' : 'upload-finishing');
    else if (step.stale) expect(code).toBe('lease-lost');
    else if (step.off !== 0) expect(code).toBe('offset-mismatch');
    else {
      expect(code).toBe('accepted');
      model.stored += length;
    }
  } else if (step.do === 'declare') {
    const code = codeOf(machine.declare(step.size));
    if (model.size === step.size) expect(code).toBe('accepted');
    else if (phase.name !== 'receiving') expect(code).toMatch(/^upload-/);
    else if (model.size !== null || step.size < model.stored) expect(code).toBe('length-conflict');
    else {
      expect(code).toBe('accepted');
      model.size = step.size;
    }
  } else if (step.do === 'seize') {
    machine.do({ type: 'seize' });
    expect(machine.upload.fence).toBe(fence + (phase.name === 'receiving' || phase.name === 'paused' ? 1 : 0));
  } else if (step.do === 'drop') {
    const last = [...machine.extents.values()].at(-1);
    machine.do({ type: 'drop', reason: 'test', ttlMs }, 'last');
    model.stored -= last?.length ?? 0;
  } else machine.do(step.do === 'pause' ? { type: 'pause' } : { type: 'resume', ttlMs });
}

function checkAgainstModel(machine: Machine, model: Model): void {
  const extents = [...machine.extents.values()].sort((a, b) => a.offset - b.offset);
  expect(machine.upload).toMatchObject({
    receivedBytes: model.stored,
    size: model.size,
    receivedExtents: extents.length,
  });
  let at = 0;
  for (const { offset, length, crc32: crc } of extents) {
    expect(offset).toBe(at);
    expect(crc).toBe(crc32(whole.subarray(offset, offset + length)));
    at += length;
  }
  expect(at).toBe(model.stored);
  const ended = model.size !== null && model.stored === model.size;
  expect(machine.upload.phase.name === 'validating').toBe(ended && machine.upload.phase.name !== 'paused');
}

describe('any order of commands', () => {
  test('keeps exactly the bytes that were added, without a gap, and is whole once', () => {
    const size = fc.option(fc.integer({ min: 1, max: 64 }), { nil: null });
    fc.assert(
      fc.property(size, fc.array(action, { maxLength: 60 }), (declared, steps) => {
        const machine = new Machine(declared);
        const model: Model = { stored: 0, size: declared };
        for (const step of steps) {
          perform(machine, step, model);
          checkAgainstModel(machine, model);
        }
        machine.do({ type: 'resume', ttlMs });
        if (machine.upload.phase.name === 'receiving') {
          const end = model.size ?? 64;
          if (end > model.stored) machine.append(model.stored, end - model.stored);
          machine.declare(end);
        }
        expect(machine.upload).toMatchObject({ phase: { name: 'validating' }, receivedBytes: machine.upload.size });
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('single rules', () => {
  test('a length that is told last completes; one that is too small or another one changes nothing', () => {
    const machine = new Machine(null);
    machine.append(0, 10);
    expect(codeOf(machine.declare(9))).toBe('length-conflict');
    expect(machine.upload.size).toBeNull();
    machine.declare(10);
    expect(machine.upload).toMatchObject({ size: 10, phase: { name: 'validating' }, fence: 1 });
    expect(codeOf(machine.declare(10))).toBe('accepted');
    expect(machine.upload.fence).toBe(1);
  });

  test('an upload that ends by its client is whole when the client says so, at its length', () => {
    const machine = new Machine(10, 'by-client');
    machine.append(0, 10);
    expect(machine.upload.phase.name).toBe('receiving');
    machine.append(10, 0, { end: true });
    expect(machine.upload.phase.name).toBe('validating');

    const open = new Machine(null, 'by-client');
    open.append(0, 3, { end: true });
    expect(open.upload).toMatchObject({ size: 3, phase: { name: 'validating' } });

    const short = new Machine(10, 'by-client');
    expect(codeOf(short.append(0, 9, { end: true }))).toBe('length-conflict');
    expect(short.upload).toMatchObject({ receivedBytes: 0, phase: { name: 'receiving' } });
  });

  test('an upload that ends by its client never goes back: when it loses bytes it takes nothing more', () => {
    const machine = new Machine(20, 'by-client');
    machine.append(0, 10);
    machine.do({ type: 'drop', reason: 'gone', ttlMs }, 'last');
    expect(machine.upload).toMatchObject({ receivedBytes: 10, phase: { name: 'failed', code: 'storage-damaged' } });
    expect(codeOf(machine.append(10, 10))).toBe('upload-closed');
  });

  test('the length that a request tells, in one way or in two that have to agree', () => {
    const told = { offset: 5, size: null, declaredLength: 10, end: true };
    expect(toldLength(told)).toBe(15);
    expect(toldLength({ ...told, size: 15 })).toBe(15);
    expect(toldLength({ ...told, end: false })).toBeNull();
    expect(toldLength({ ...told, end: false, size: 99 })).toBe(99);
    expect(toldLength({ ...told, declaredLength: null })).toBeNull();
    expect(() => toldLength({ ...told, size: 16 })).toThrow(expect.objectContaining({ code: 'length-conflict' }));
  });

  test('chunks are for grids, appended bytes for the others', () => {
    const machine = new Machine(8);
    const extent: Extent = { offset: 0, length: 4, crc32: 1, sha256: null, receivedAt: 0 };
    expect(codeOf(machine.do({ type: 'record', extent, lease, ttlMs }, 0))).toBe('wrong-protocol');
    machine.upload = { ...machine.upload, intake: 'grid' };
    expect(codeOf(machine.append(0, 4))).toBe('wrong-protocol');
  });

  test('large extents stay rows of their own', () => {
    const machine = new Machine(64);
    const large = 9 * 1024 * 1024;
    machine.upload = { ...machine.upload, size: 10 * large };
    for (let i = 0; i < 4; i += 1) {
      const extent: Extent = { offset: i * large, length: large, crc32: i, sha256: null, receivedAt: 0 };
      machine.do({ type: 'append', extent, end: false, fence: 0, lease, ttlMs }, 'last');
    }
    expect([...machine.extents.values()].map((e) => e.crc32)).toEqual([0, 1, 2, 3]);
    expect(machine.upload.receivedExtents).toBe(4);
  });
});
