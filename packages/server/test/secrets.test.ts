/** C11: what proves who somebody is never gets into the log, the answers or the state. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IssuedUploadToken } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { RawConnection } from './raw-connection.ts';
import { RunningNode, someBytes } from './running-node.ts';

const key = 'the-key-that-nobody-may-see';
const wrong = 'the-wrong-key-that-nobody-may-see';
const apiKeys = [{ principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') }];

test('at any level of the log', async () => {
  const lines: string[] = [];
  await using node = await RunningNode.start({
    config: { apiKeys, logLevel: 'trace' },
    log: (line) => lines.push(line),
    authenticate: async ({ path }) => {
      if (path === '/v1/runs') throw new Error('The embedder has failed.');
      return null;
    },
  });
  const ana = node.as(key);
  const { token, id } = (await ana.json<IssuedUploadToken>('POST', '/v1/upload-tokens', {})).body;
  await node.as(token).upload(someBytes(100));
  const signIn = await node.json('POST', '/v1/session', { apiKey: key });
  const cookie = signIn.headers.get('set-cookie')?.split(';')[0] ?? '';
  const answers = [
    await node.fetch('/v1/uploads', { headers: { cookie } }),
    await node.as(wrong).fetch('/v1/uploads'),
    await node.as(wrong).fetch('/v1/uploads', { method: 'POST', body: 'x' }),
    await ana.fetch('/v1/runs'),
    await ana.fetch('/nowhere'),
    await node.fetch('/v1/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiKey: wrong }),
    }),
    await node.as(token).fetch('/v1/assets'),
  ];
  expect(answers.map((answer) => answer.status)).toEqual([200, 401, 401, 500, 404, 401, 403]);
  const broken = await RawConnection.open(node.port);
  broken.send(`GET / HTTP/1.1\r\nAuthorization: Bearer ${key}\r\nnonsense\r\n\r\n`);
  expect((await broken.answer()).status).toBe(400);
  expect((await ana.fetch(`/v1/upload-tokens/${id}`, { method: 'DELETE' })).status).toBe(204);

  const session = cookie.split('=')[1] ?? '';
  expect(session.length).toBeGreaterThan(70);
  const secrets = [key, wrong, token, session];
  const seen = [...lines, ...(await Promise.all(answers.map((answer) => answer.text())))].join('\n');
  expect(lines.length).toBeGreaterThan(10);
  for (const secret of secrets) expect(seen.includes(secret)).toBe(false);

  for (const name of (await readdir(node.dataDir)).filter((one) => one.startsWith('state.db'))) {
    const bytes = await readFile(join(node.dataDir, name), 'latin1');
    for (const secret of secrets) expect([name, bytes.includes(secret)]).toEqual([name, false]);
  }
});
