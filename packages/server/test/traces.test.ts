/** Traces of OpenTelemetry: what a collector gets, what it must not get, and that one which is away disturbs nobody. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '@holdfast/protocol';
import { expect, test, vi } from 'vitest';
import { S3Stub } from '../src/testing/s3-stub/stub.ts';
import { chunkBytes, RunningNode, sha256, someBytes } from './running-node.ts';
import { type SeenSpan, TraceReceiver } from './trace-receiver.ts';
import { eventually } from './webhook-receiver.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const traceparent = `00-${traceId}-${spanId}-01`;
const apiKey = 'a-key-that-nobody-should-see';

const pipelines = `
default: false
pipelines:
  - name: sums
    steps:
      - name: sum
        command: [sha256sum, "{input}"]
        version: 1
        outputs: { sum: { file: "sum.txt", type: text/plain, from: stdout } }
`;

function parentOf(span: SeenSpan, all: readonly SeenSpan[]): string | undefined {
  return all.find((one) => one.id === span.parent)?.name;
}

test('requests go on with the trace of the client; receipt, completion, calls of S3 and the step show, names and secrets do not', async () => {
  await using receiver = await TraceReceiver.start();
  await using s3 = await S3Stub.start();
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test');
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-traces-'));
  await writeFile(join(dir, 'pipelines.yaml'), pipelines);
  await using node = await RunningNode.start({
    apiKey,
    config: {
      otlpEndpoint: receiver.endpoint,
      pipeline: true,
      // Nobody looks for media tools.
      ffmpegPath: '/nonexistent',
      pipelines: join(dir, 'pipelines.yaml'),
      apiKeys: [{ principal: 'alice', sha256: sha256(Buffer.from(apiKey)) }],
      blobs: `s3://${s3.bucket}`,
      s3Endpoint: s3.endpoint,
      s3PathStyle: true,
    },
  });
  const bytes = someBytes(2 * chunkBytes);
  const upload = await node.create({ size: bytes.length, filename: 'very-private.mp4', contentType: 'video/mp4' });
  for (const index of [0, 1])
    await node.put(upload.id, index, bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes), {
      traceparent,
      tracestate: 'vendor=1',
    });
  await node.put(upload.id, 7, someBytes(1), { traceparent: '00-not-a-trace-01' });
  await node.fetch('/v1/uploads/unknown?token=very-private', { headers: { authorization: 'Bearer very-private' } });
  await node.fetch('/health');
  const runs = async () =>
    (await node.json<{ items: Run[] }>('GET', `/v1/assets/${sha256(bytes)}/runs`)).body?.items?.map((run) => run.state);
  await eventually(runs).toEqual(['succeeded']);
  // What is left is sent at the end.
  await node.stop();

  const { spans } = receiver;
  const route = 'PUT /v1/uploads/:id/chunks/:index';
  const ours = receiver.named(route).filter((span) => span.traceId === traceId);
  expect(ours).toHaveLength(2);
  expect(ours[0]).toMatchObject({
    parent: spanId,
    kind: 2,
    failed: false,
    facts: {
      'http.request.method': 'PUT',
      'http.route': '/v1/uploads/:id/chunks/:index',
      'http.response.status_code': 200,
      'http.request.body.size': chunkBytes,
    },
    resource: { 'service.name': 'holdfast', 'deployment.environment.name': 'test' },
  });
  const receipts = receiver.named('receipt').filter((span) => span.traceId === traceId);
  expect(receipts.map((span) => parentOf(span, spans))).toEqual([route, route]);
  expect(receipts[0]?.facts).toMatchObject({ 'holdfast.upload.id': upload.id, 'holdfast.bytes': chunkBytes });
  const [completion] = receiver.named('completion');
  expect(completion).toMatchObject({ traceId, failed: false, facts: { 'holdfast.bytes': bytes.length } });
  for (const name of ['hash', 'place'])
    expect(receiver.named(name).map((span) => [span.traceId, parentOf(span, spans)])).toEqual([
      [traceId, 'completion'],
    ]);
  const calls = spans.filter((span) => span.name.startsWith('S3 ') && span.traceId === traceId);
  expect(calls.some((span) => parentOf(span, spans) === 'place')).toBe(true);

  // Whoever's completion woke the runner up: the step is a story of its own.
  const [step] = receiver.named('step sum');
  expect(step).toMatchObject({
    parent: null,
    failed: false,
    facts: { 'holdfast.step.end': 'succeeded', 'holdfast.step.attempt': 1, 'holdfast.asset.id': sha256(bytes) },
  });
  expect(step?.traceId).not.toBe(traceId);

  const refused = receiver.named('receipt').filter((span) => span.failed);
  expect(refused.map((span) => span.facts['error.type'])).toEqual(['invalid-chunk-index']);
  const statuses = spans
    .map((span) => span.facts['http.response.status_code'])
    .filter((status) => status !== undefined);
  expect(statuses).toEqual(expect.arrayContaining([401, 200, 201]));
  expect(spans.some((span) => span.name.includes('health'))).toBe(false);
  for (const secret of ['very-private', apiKey, s3.credentials.secretAccessKey])
    expect(receiver.text).not.toContain(secret);
  await rm(dir, { recursive: true });
  vi.unstubAllEnvs();
});

test('a collector that stands still, refuses or is away: uploads go on, the log says so once, stopping does not wait for it', async () => {
  await using receiver = await TraceReceiver.start();
  const log: string[] = [];
  const config = { otlpEndpoint: receiver.endpoint, logLevel: 'info' };
  await using node = await RunningNode.start({ config, log: (line) => log.push(line) });
  const warnings = () => log.filter((line) => line.includes('traces cannot be sent'));
  receiver.mode = 'refuse';
  await node.upload(someBytes(10));
  await eventually(async () => warnings().length).toBe(1);
  receiver.mode = 'take';
  await node.upload(someBytes(10));
  await eventually(async () => log.filter((line) => line.includes('traces are sent again')).length).toBe(1);
  expect(receiver.named('completion')).toHaveLength(1);
  receiver.mode = 'silent';
  await node.upload(someBytes(10));
  const began = performance.now();
  await node.stop();
  expect(performance.now() - began).toBeLessThan(6_000);
  expect(receiver.spans.length).toBeGreaterThan(0);
});
