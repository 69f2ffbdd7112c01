/** C11: an upload token makes one upload, also when the server is killed while it is being made. */
import type { IssuedUploadToken, Problem, Upload, UploadList } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { ServerProcess } from './server-process.ts';

const key = 'a-key-of-enough-length';
const rounds = 8;

test('killed in the middle of creations: what was created stands, and there is never a second one', async () => {
  const env = { HOLDFAST_API_KEYS: `ana:${key}`, HOLDFAST_RESERVE_MB: '0' };
  await using server = await ServerProcess.start({ env, args: ['--no-pipeline'] });
  const ask = async <T>(bearer: string, method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(server.url + path, { method, headers, ...init });
    return { status: answer.status, body: (await answer.json()) as T };
  };
  const issue = async () => (await ask<IssuedUploadToken>(key, 'POST', '/v1/upload-tokens', {})).body.token;
  for (let round = 0; round < rounds; round += 1) {
    const tokens = await Promise.all(Array.from({ length: 12 }, issue));
    const create = (token: string, at: number) =>
      ask<Upload & Problem>(token, 'POST', '/v1/uploads', { filename: `${round}-${at}`, size: 10 });
    // Several for each token, and a kill at another moment in each round.
    const before = tokens.flatMap((token, at) =>
      [0, 1].map(() =>
        create(token, at).then(
          (answer) => ({ at, ...answer }),
          () => null,
        ),
      ),
    );
    await Promise.race(before.slice(0, round + 1));
    await server.kill();
    await server.run();
    const answered = (await Promise.all(before)).filter((one) => one !== null && one.status === 201);
    const after = await Promise.all(tokens.map(create));
    const list = await ask<UploadList>(key, 'GET', `/v1/uploads?filename=${round}-&limit=200`);
    for (const [at, answer] of after.entries()) {
      const made = list.body.items.filter((upload) => upload.filename === `${round}-${at}`);
      expect([round, at, made.length]).toEqual([round, at, 1]);
      const [upload] = made;
      if (answer.status === 201) expect(answer.body.id).toBe(upload?.id);
      else
        expect(answer).toMatchObject({ status: 403, body: { code: 'token-used', details: { uploadId: upload?.id } } });
      for (const told of answered.filter((one) => one?.at === at)) expect(told?.body.id).toBe(upload?.id);
    }
    expect(after.some((answer) => answer.status === 403)).toBe(true);
  }
});
