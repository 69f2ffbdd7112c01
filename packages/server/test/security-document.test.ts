/** The commands in docs/security.md do what the document says. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ConfigSchema } from '../src/config/schema.ts';
import { RunningNode } from './running-node.ts';

const document = new URL('../../../docs/security.md', import.meta.url);
const key = 'a-key-of-enough-length';
const apiKeys = [{ principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') }];

/** A WAV file of silence. */
function silence(): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + 8_000, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8_000, 24);
  header.writeUInt32LE(8_000, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(8_000, 40);
  return Buffer.concat([header, Buffer.alloc(8_000, 128)]);
}

test('C11: the commands about upload tokens, one after the other', async () => {
  const text = await readFile(document, 'utf8');
  const blocks = [...text.matchAll(/```sh\n([\s\S]+?)```/g)].map((match) => match[1] ?? '');
  expect(blocks).toHaveLength(4);
  await using node = await RunningNode.start({ config: { apiKeys } });
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-document-'));
  try {
    await writeFile(join(dir, 'voice.wav'), silence());
    await writeFile(join(dir, 'run.sh'), blocks.join('\n'));
    const env = { ...process.env, HOLDFAST: node.url, KEY: key };
    await promisify(execFile)('bash', ['-euo', 'pipefail', 'run.sh'], { cwd: dir, env });
    const done = JSON.parse(await readFile(join(dir, 'done.json'), 'utf8')) as { state: string; filename: string };
    expect(done).toMatchObject({ state: 'completed', filename: 'interview 7.wav' });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('C11: the defaults in its table are those of the settings', async () => {
  const text = await readFile(document, 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| ([\d,]+)/gm)].map(([, name, value]) => [
    name ?? '',
    Number(value?.replaceAll(',', '')),
  ]);
  expect(rows.length).toBeGreaterThanOrEqual(7);
  const properties = ConfigSchema.properties as Readonly<Record<string, object>> as Readonly<
    Record<string, { default?: unknown }>
  >;
  for (const [name, value] of rows) expect([name, properties[String(name)]?.default]).toEqual([name, value]);
});
