/**
 * A1, C4–C7: random sequences of chunks in any order, again, damaged, in odd forms, with pauses and restarts between them, against a model
 * that knows what was acknowledged. fast-check prints the seed of a failure.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Body } from './chunked-form-client.ts';
import { md5, RecordingsClient } from './recordings-client.ts';
import { type Answer, RunningNode, sha256, someBytes } from './running-node.ts';

const chunkBytes = 1024 * 1024;
const config = { maxChunkSizeMb: 1 };

const ways = [
  'plain',
  'md5',
  'sha256',
  'checksum behind',
  'fields behind',
  'damaged',
  'other',
  'short',
  'total',
] as const;
type Way = (typeof ways)[number];
type Order =
  | { readonly do: 'chunk'; readonly pick: number; readonly way: Way }
  | { readonly do: 'pause' | 'resume' | 'complete' };
type Step = Order | { readonly do: 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('chunk' as const), pick: fc.nat(), way: fc.constantFrom('plain', ...ways) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('pause' as const, 'resume' as const, 'resume' as const, 'complete' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

class Lecture {
  readonly bytes: Buffer;
  readonly received = new Set<number>();
  paused = false;
  id = '';

  constructor(size: number) {
    this.bytes = someBytes(size);
  }

  get total(): number {
    return Math.ceil(this.bytes.length / chunkBytes);
  }
  get whole(): boolean {
    return this.received.size === this.total;
  }
  get missing(): number[] {
    return Array.from({ length: this.total }, (_, i) => i + 1).filter((number) => !this.received.has(number));
  }
  chunk(number: number): Uint8Array {
    return this.bytes.subarray((number - 1) * chunkBytes, number * chunkBytes);
  }

  /** The answer that a chunk has to get; null where it is its receipt. */
  refusal(number: number, way: Way): string | null {
    if (way === 'total') return 'invalid-request';
    if (this.paused) return 'upload-paused';
    if (way === 'damaged') return 'digest-mismatch';
    if (way === 'short') return 'body-too-short';
    return way === 'other' && this.received.has(number) ? 'chunk-conflict' : null;
  }
}

async function send(client: RecordingsClient, lecture: Lecture, number: number, way: Way): Promise<Answer<Body>> {
  const { id } = lecture;
  const bytes = lecture.chunk(number);
  const other = Uint8Array.from(bytes);
  other[number % other.length] = (other[number % other.length] ?? 0) ^ 1;
  const place = [
    ['upload_session_id', id],
    ['chunk_number', String(number)],
  ] as const;
  switch (way) {
    case 'plain':
      return await client.chunk(id, number, bytes, { total_chunks: lecture.total });
    case 'md5':
      return await client.chunk(id, number, bytes, { checksum: md5(bytes) });
    case 'sha256':
      return await client.chunk(id, number, bytes, { chunk_checksum: sha256(bytes) });
    case 'checksum behind':
      return await client.chunkForm(id, [...place, ['file', bytes], ['checksum', sha256(bytes)]]);
    case 'fields behind':
      return await client.chunkForm(id, [['file', bytes], ['checksum', md5(bytes)], ...place]);
    case 'damaged':
      return await client.chunk(id, number, other, { checksum: md5(bytes) });
    // Other bytes for a place that is free would be the file.
    case 'other':
      return await client.chunk(id, number, lecture.received.has(number) ? other : bytes);
    case 'short':
      return await client.chunk(id, number, bytes.subarray(1));
    case 'total':
      return await client.chunk(id, number, bytes, { total_chunks: lecture.total + 1 });
  }
}

async function perform(client: RecordingsClient, lecture: Lecture, step: Order): Promise<void> {
  if (step.do === 'chunk') {
    const number = (step.pick % lecture.total) + 1;
    const answer = await send(client, lecture, number, step.way);
    const refusal = lecture.refusal(number, step.way);
    expect({ step, number, code: answer.body['code'] ?? null }).toEqual({ step, number, code: refusal });
    if (refusal === null) lecture.received.add(number);
    if (refusal === null)
      expect(answer.body).toMatchObject({
        status: 'received',
        chunks_received: lecture.received.size,
        is_complete: lecture.whole,
      });
  } else if (step.do === 'complete') {
    const { status, body } = await client.complete(lecture.id);
    if (lecture.whole) expect(status).toBe(200);
    else expect(body['code']).toBe(lecture.paused ? 'upload-paused' : 'missing-chunks');
    if (body['code'] === 'missing-chunks') expect(body['missing_chunks']).toEqual(lecture.missing);
  } else {
    const { status } = await client.command(lecture.id, step.do);
    if (lecture.whole) return;
    expect(status).toBe(200);
    lecture.paused = step.do === 'pause';
  }
}

test('A1: what was acknowledged is there, and nothing else, whatever comes in whatever order', async () => {
  let node = await RunningNode.start({ config });
  const { dataDir } = node;
  const run = async (size: number, digest: 'md5' | 'sha256', steps: readonly Step[]) => {
    const lecture = new Lecture(size);
    const file_checksum = digest === 'md5' ? md5(lecture.bytes) : sha256(lecture.bytes);
    lecture.id = await new RecordingsClient(node).begin(size, { file_checksum });
    for (const one of steps) {
      if (one.do === 'restart') {
        await node.stop();
        node = await RunningNode.start({ config, dataDir });
      } else await perform(new RecordingsClient(node), lecture, one);
      const { missing_chunks: missing } = await new RecordingsClient(node).status(lecture.id);
      expect(missing).toEqual(lecture.missing);
    }
    const client = new RecordingsClient(node);
    if (!lecture.whole) await client.command(lecture.id, 'resume');
    for (const number of (await client.recovery(lecture.id))['chunks_missing'])
      expect(await client.chunk(lecture.id, number, lecture.chunk(number))).toMatchObject({ status: 200 });
    expect((await client.complete(lecture.id)).body).toMatchObject({
      checksum_validated: true,
      final_file_url: `/v1/assets/${sha256(lecture.bytes)}/content`,
    });
  };
  const size = fc.constantFrom(17, chunkBytes, 2 * chunkBytes + 1, 4 * chunkBytes - 1);
  const steps = fc.array(step, { minLength: 5, maxLength: 25 });
  await fc.assert(fc.asyncProperty(size, fc.constantFrom('md5' as const, 'sha256' as const), steps, run), {
    numRuns: 15,
  });
  await node.close();
});
