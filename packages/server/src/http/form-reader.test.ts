/** Forms cut into pieces at every place, cut off at every place, and damaged at random: never a hang, never a part that is not there. */
import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../core/errors.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import { FormReader } from './form-reader.ts';

const limits = { file: 'chunk', partsMax: 10, fieldBytesMax: 100 };
const content = 'A\r\n--xy\r\nB\0'.repeat(30);
const form = Buffer.from(
  [
    '--xyz\r\nContent-Disposition: form-data; name="upload_id"\r\n\r\nabc',
    `--xyz\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\nContent-Type: video/mp4\r\n\r\n${content}`,
    '--xyz\r\nContent-Disposition: form-data; name="chunk_index"\r\n\r\n7',
    '--xyz--\r\n',
  ].join('\r\n'),
  'latin1',
);
const parts = ['upload_id=abc', `chunk:${content}`, 'chunk_index=7'];

function bodyOf(pieces: readonly Buffer[]): BodySource {
  const left = pieces.filter((piece) => piece.length > 0);
  return {
    next: async () => {
      const piece = left.shift();
      if (!piece) return null;
      // What was released is no longer ours: the reader must not look at it again.
      const lent = Buffer.from(piece);
      return { buffers: [lent], bytes: lent.length, release: () => lent.fill(0x23) };
    },
    abandon: async () => {},
  };
}

async function textOf(body: BodySource): Promise<string> {
  const out: Uint8Array[] = [];
  for (let batch = await body.next(); batch; batch = await body.next()) out.push(...batch.buffers);
  return Buffer.concat(out).toString('latin1');
}

async function read(pieces: readonly Buffer[]): Promise<string[]> {
  const reader = new FormReader(bodyOf(pieces), 'xyz', limits);
  const out: string[] = [];
  for (let part = await reader.next(); part; part = await reader.next())
    out.push(part.kind === 'field' ? `${part.name}=${part.value}` : `${part.name}:${await textOf(part.body)}`);
  return out;
}

describe('a form', () => {
  test('in two pieces, cut at every place, and byte by byte', async () => {
    for (let at = 0; at <= form.length; at += 1)
      expect(await read([form.subarray(0, at), form.subarray(at)])).toEqual(parts);
    expect(await read([...form].map((byte) => Buffer.from([byte])))).toEqual(parts);
  });

  test('that ends early is refused, wherever it ends', async () => {
    const whole = form.length - '\r\n'.length;
    for (let end = 0; end < whole; end += 1)
      await expect(read([form.subarray(0, end)]), `ends at ${end}`).rejects.toMatchObject({ code: 'invalid-request' });
    expect(await read([form.subarray(0, whole)])).toEqual(parts);
  });

  test('that is damaged at random is read or refused, and never hangs', async () => {
    let seed = 20261121;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let round = 0; round < 2_000; round += 1) {
      const damaged = Buffer.from(form.subarray(0, 1 + random(form.length)));
      for (let i = random(4); i >= 0; i -= 1)
        damaged[random(damaged.length)] = Buffer.from('\r\n-;:="\0xA')[random(10)] ?? 0;
      const at = random(damaged.length);
      const outcome = await read([damaged.subarray(0, at), damaged.subarray(at)]).catch((error: unknown) => error);
      if (!Array.isArray(outcome)) expect(outcome, `round ${round}`).toBeInstanceOf(HoldfastError);
    }
  });

  test('whose file nobody reads gives its other parts', async () => {
    const big = Buffer.concat([
      form.subarray(0, form.indexOf('A\r\n')),
      Buffer.alloc(3_000_000),
      form.subarray(form.lastIndexOf('\r\n--xyz\r\n')),
    ]);
    const pieces = Array.from({ length: 50 }, (_, i) => big.subarray(i * 64_000, (i + 1) * 64_000));
    const reader = new FormReader(bodyOf(pieces), 'xyz', limits);
    const names: string[] = [];
    for (let part = await reader.next(); part; part = await reader.next()) {
      names.push(part.name);
      if (part.kind === 'file') await part.body.next();
    }
    expect(names).toEqual(['upload_id', 'chunk', 'chunk_index']);
  });

  test('waits for the reader of its file: the parser takes no more than a little in advance', async () => {
    let given = 0;
    const source = bodyOf([
      form.subarray(0, form.indexOf('A\r\n')),
      ...Array.from({ length: 64 }, () => Buffer.alloc(256 * 1024)),
    ]);
    const counted: BodySource = {
      next: async () => {
        given += 1;
        return await source.next();
      },
      abandon: async () => {},
    };
    const reader = new FormReader(counted, 'xyz', limits);
    let part = await reader.next();
    while (part?.kind === 'field') part = await reader.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(given).toBeLessThan(8);
    await reader.abandon();
  });
});
