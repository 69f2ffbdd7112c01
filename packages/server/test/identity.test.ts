/** Who asks, as others say: the operator's identity provider (tokens and published keys), and the embedding program. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LogEvent, Upload } from '@holdfast/protocol';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest';
import { loadConfig } from '../src/config/load.ts';
import { HoldfastError } from '../src/core/errors.ts';
import { EventReader } from './event-reader.ts';
import { RawConnection } from './raw-connection.ts';
import { chunkBytes, expectProblem, RunningNode, someBytes } from './running-node.ts';

const issuer = 'https://id.example/';
const audience = 'holdfast';
const key = 'a-key-of-enough-length';
const dottedKey = 'a-key.with-dots.like-a-token';
const apiKeys = [key, dottedKey].map((one) => ({
  principal: 'ana',
  sha256: createHash('sha256').update(one).digest('hex'),
}));

/** A provider that publishes its keys. */
class Provider {
  readonly #keys = new Map<string, GenerateKeyPairResult>();
  readonly #server: Server;
  fetched = 0;
  answersWith = 200;

  private constructor() {
    this.#server = createServer(async (_request, response) => {
      this.fetched += 1;
      const keys = [...this.#keys].map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid }));
      response.writeHead(this.answersWith, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: await Promise.all(keys) }));
    });
  }

  static async start(): Promise<Provider> {
    const provider = new Provider();
    for (const alg of ['RS256', 'ES256', 'ES384']) provider.#keys.set(alg, await generateKeyPair(alg));
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`;
  }

  async token(
    claims: object,
    { alg = 'RS256', expires = 600 }: { alg?: string; expires?: number | null } = {},
  ): Promise<string> {
    const pair = this.#keys.get(alg);
    if (!pair) throw new Error(`No key for ${alg}`);
    const now = Math.floor(Date.now() / 1000);
    const end = expires === null ? {} : { exp: now + expires };
    const payload = { iss: issuer, aud: audience, sub: 'carla', iat: now, ...end, ...claims };
    return await new SignJWT(payload).setProtectedHeader({ alg, kid: alg }).sign(pair.privateKey);
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe('C11: tokens of the identity provider', () => {
  let provider: Provider;
  let node: RunningNode;
  const config = () => ({ apiKeys, jwksUrl: provider.url, jwtIssuer: issuer, jwtAudience: audience });
  beforeAll(async () => {
    provider = await Provider.start();
    node = await RunningNode.start({ config: config() });
  });
  afterAll(async () => {
    await node.close();
    await provider.close();
  });
  const list = (token: string) => node.as(token).json('GET', '/v1/uploads');

  test('their subject is the principal; keys are fetched once', async () => {
    const carla = node.as(await provider.token({}));
    const done = await carla.upload(someBytes(100));
    expect((await carla.fetch(`/v1/assets/${done.assetId}`)).status).toBe(200);
    const dora = node.as(await provider.token({ sub: 'auth0|dora' }, { alg: 'ES256' }));
    expect((await dora.fetch(`/v1/assets/${done.assetId}`)).status).toBe(404);
    expect((await node.as(key).fetch(`/v1/assets/${done.assetId}`)).status).toBe(404);
    expect(provider.fetched).toBe(1);
  });

  test('a stream of events ends with the token that opened it', async () => {
    await using strict = await RunningNode.start({ config: { ...config(), jwtClockToleranceSeconds: 0 } });
    const open = async (expires: number) =>
      EventReader.open(`${strict.url}/v1/events`, undefined, {
        authorization: `Bearer ${await provider.token({}, { expires })}`,
      });
    const [short, long] = [await open(2), await open(365 * 86_400)];
    expect([await short.ended(), await long.ended()]).toEqual([true, false]);
    long.close();
  });

  it.each([
    ['another issuer', { iss: 'https://evil.example/' }],
    ['another audience', { aud: 'another-service' }],
    ['no audience', { aud: undefined }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject with control characters', { sub: 'a\nb' }],
    ['not valid yet', { nbf: Math.floor(Date.now() / 1000) + 3600 }],
  ])('%s is refused', async (_name, claims) => {
    expectProblem(await list(await provider.token(claims)), 401, 'unauthenticated');
  });

  test('one without an end, signed in a way that is not taken, by nobody, or changed is refused', async () => {
    expectProblem(await list(await provider.token({}, { expires: null })), 401, 'unauthenticated');
    expectProblem(await list(await provider.token({}, { alg: 'ES384' })), 401, 'unauthenticated');
    const stranger = await Provider.start();
    expectProblem(await list(await stranger.token({})), 401, 'unauthenticated');
    await stranger.close();
    const unsigned = new UnsecuredJWT({ sub: 'carla' }).setIssuer(issuer).setAudience(audience).setExpirationTime('1h');
    expectProblem(await list(unsigned.encode()), 401, 'unauthenticated');
    const hmac = new SignJWT({ sub: 'carla' }).setProtectedHeader({ alg: 'HS256', kid: 'RS256' });
    const symmetric = hmac.setIssuer(issuer).setAudience(audience).setExpirationTime('1h').sign(new Uint8Array(32));
    expectProblem(await list(await symmetric), 401, 'unauthenticated');
    const [head, body, signature] = (await provider.token({})).split('.');
    const payload = { ...JSON.parse(Buffer.from(body ?? '', 'base64url').toString()), sub: 'ana' };
    const forged = `${head}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.${signature}`;
    expectProblem(await list(forged), 401, 'unauthenticated');
  });

  test('an expired one says so; clocks may differ a little', async () => {
    expectProblem(await list(await provider.token({}, { expires: -60 })), 401, 'token-expired');
    expect((await list(await provider.token({}, { expires: -10 }))).status).toBe(200);
  });

  it.each(['ana', 'ana/customer-17', 'anonymous'])(
    'the name of a key or what is below it (%s) is not taken',
    async (sub) => {
      expectProblem(await list(await provider.token({ sub })), 403, 'forbidden');
    },
  );

  test('keys still open, also one that looks like a token', async () => {
    expect((await list(key)).status).toBe(200);
    expect((await list(dottedKey)).status).toBe(200);
  });

  test('a provider that does not answer is not the client’s fault', async () => {
    provider.answersWith = 500;
    await using fresh = await RunningNode.start({ config: config() });
    const answer = await fresh.as(await provider.token({})).json('GET', '/v1/uploads');
    expect(expectProblem(answer, 503, 'unavailable').retryable).toBe(true);
    provider.answersWith = 200;
    expect((await fresh.as(await provider.token({})).json('GET', '/v1/uploads')).status).toBe(200);
  });

  test('without any key its subjects are no administrators, unless the settings name them', async () => {
    const { admins } = loadConfig({ env: { HOLDFAST_ADMINS: 'auth0|dora, ana/customer-17' }, flags: {} });
    await using node = await RunningNode.start({ config: { ...config(), apiKeys: [], admins } });
    const [carla, dora] = [node.as(await provider.token({})), node.as(await provider.token({ sub: 'auth0|dora' }))];
    const { id } = await dora.create({ size: 1 });
    const subjects = async (who: RunningNode) =>
      (await who.json<{ items: LogEvent[] }>('GET', '/v1/events')).body.items.map((event) => event.subjectId);
    expect([await subjects(carla), await subjects(dora)]).toEqual([[], [id]]);
    for (const path of ['/v1/events?scope=all', '/v1/runs?scope=all', '/v1/webhooks', '/v1/watch', '/v1/pipelines'])
      expectProblem(await carla.json('GET', path), 403, 'forbidden');
    expect((await dora.json('GET', '/v1/watch')).status).toBe(200);
  });

  test('a server that does not know for whom tokens are does not start', async () => {
    const wanting = { jwksUrl: provider.url, jwtIssuer: issuer };
    await expect(RunningNode.start({ config: wanting })).rejects.toMatchObject({ code: 'invalid-request' });
  });
});

describe('C11: the embedding program says who asks', () => {
  test('on every request, and again before an upload completes', async () => {
    const seen: string[] = [];
    let known: string | null = 'eva';
    await using node = await RunningNode.start({
      config: { apiKeys },
      authenticate: async ({ headers, method, path }) => {
        seen.push(`${method} ${path}`);
        if (headers['x-user'] === 'banned') throw new HoldfastError('forbidden', 'Not you, and nobody says why.');
        return headers['x-user'] === undefined || known === null ? null : { principal: known };
      },
    });
    const as = (user: string, init: RequestInit = {}) => ({ ...init, headers: { ...init.headers, 'x-user': user } });
    const json = { 'content-type': 'application/json' };
    const body = JSON.stringify({ filename: 'a', size: 2 * chunkBytes, chunkSize: chunkBytes });
    const made = await node.fetch('/v1/uploads', as('eva', { method: 'POST', headers: json, body }));
    const { id } = (await made.json()) as Upload;
    const bytes = someBytes(2 * chunkBytes);
    const first = { method: 'PUT', body: Buffer.from(bytes.subarray(0, chunkBytes)) };
    expect((await node.fetch(`/v1/uploads/${id}/chunks/0`, as('eva', first))).status).toBe(200);
    expect(seen).toEqual(['POST /v1/uploads', `PUT /v1/uploads/${id}/chunks/0`]);

    const last = await RawConnection.open(node.port);
    last.head(`PUT /v1/uploads/${id}/chunks/1`, ['X-User: eva', `Content-Length: ${chunkBytes}`]);
    last.send(bytes.subarray(chunkBytes, chunkBytes + 10));
    await vi.waitFor(() => expect(seen).toHaveLength(3));
    known = null;
    last.send(bytes.subarray(chunkBytes + 10));
    expectProblem(await last.answer(), 401, 'unauthenticated');
    expect(seen).toHaveLength(4);
    last.destroy();
    known = 'eva';
    const status = (await (await node.fetch(`/v1/uploads/${id}`, as('eva'))).json()) as Upload;
    expect(status).toMatchObject({ state: 'receiving', missingChunks: [1] });
    const again = { method: 'PUT', body: Buffer.from(bytes.subarray(chunkBytes)) };
    expect((await node.fetch(`/v1/uploads/${id}/chunks/1`, as('eva', again))).status).toBe(200);

    expect((await node.fetch('/v1/uploads', as('banned'))).status).toBe(403);
    expect((await node.as(key).fetch('/v1/uploads')).status).toBe(200);
    expectProblem(await node.json('GET', '/v1/uploads'), 401, 'unauthenticated');
  });

  test('where it is the only one who does, nobody is an administrator for that', async () => {
    await using node = await RunningNode.start({
      authenticate: async ({ headers }) => ({ principal: String(headers['x-user']) }),
    });
    const response = await node.fetch('/v1/runs?scope=all', { headers: { 'x-user': 'eva' } });
    expect(response.status).toBe(403);
  });
});
