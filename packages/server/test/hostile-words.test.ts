/** Servers and file names that send escape sequences: none of them reaches the terminal, whatever field it is in. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as protocol from '@holdfast/protocol';
import { type TSchema, Type } from 'typebox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from './command-line.ts';

const hostile = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eeman\r';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

let folder: string;
let server: Server | null = null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-hostile-'));
});
afterEach(async () => {
  server?.close();
  server = null;
  await rm(folder, { recursive: true, force: true });
});

async function answering(listener: RequestListener): Promise<string> {
  const listening = createServer({ keepAlive: false }, (request, response) => {
    request.resume();
    listener(request, response);
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

/** A value of the schema in which every text is hostile. */
function hostileOf(schema: TSchema): unknown {
  const {
    type,
    properties = {},
    items,
    anyOf,
    patternProperties,
  } = schema as TSchema & {
    type?: string;
    properties?: Record<string, TSchema>;
    items?: TSchema;
    anyOf?: TSchema[];
    patternProperties?: object;
  };
  if (anyOf?.[0] !== undefined) return hostileOf(anyOf[0]);
  if (type === 'array') return [hostileOf(items ?? Type.String())];
  if (type === 'integer' || type === 'number') return 1;
  if (type === 'boolean') return false;
  if (type !== 'object') return hostile;
  if (patternProperties !== undefined) return { [hostile]: hostile };
  return Object.fromEntries(
    Object.entries(properties).map(([name, one]) => [name, name === 'cursor' ? null : hostileOf(one)]),
  );
}

const list = (items: TSchema) => Type.Object({ items: Type.Array(items) });
const answers: readonly (readonly [RegExp, TSchema])[] = [
  [/^\/v1\/uploads\?/, protocol.UploadList],
  [/^\/v1\/uploads\//, protocol.Upload],
  [/\/runs\/summary/, protocol.RunSummary],
  [/^\/v1\/assets\/.*\/runs/, list(protocol.Run)],
  [/^\/v1\/assets\/.*\/artifacts/, list(protocol.Artifact)],
  [/^\/v1\/assets\//, protocol.Asset],
  [/\/attempts$/, protocol.AttemptList],
  [/^\/v1\/runs\/r1/, protocol.Run],
  [/^\/v1\/runs/, protocol.RunList],
  [/^\/v1\/steps\/failures/, protocol.FailureGroupList],
  [/^\/v1\/steps\/durations/, protocol.DurationList],
  [/^\/v1\/steps\/k1/, protocol.PlacedStep],
  [/^\/v1\/steps/, protocol.PlacedStepList],
  [/^\/v1\/classes\//, protocol.Class],
  [/^\/v1\/classes/, protocol.ClassList],
  [/^\/v1\/pipelines$/, protocol.PipelineList],
  [/^\/v1\/pipelines\//, protocol.PipelinePlan],
  [/^\/v1\/webhooks$/, protocol.WebhookEndpointList],
  [/^\/v1\/webhooks\/failures/, protocol.WebhookDeliveryList],
  [/^\/v1\/webhooks\/test/, protocol.WebhookTested],
];

test('of no field of no answer', async () => {
  const url = await answering((request, response) => {
    const schema = answers.find(([path]) => path.test(request.url ?? ''))?.[1] ?? Type.Object({});
    response.end(JSON.stringify(hostileOf(schema)));
  });
  const commands = [
    `status, status u1, status ${'a'.repeat(64)}, runs, runs show r1, runs retry r1, steps, steps failed, steps times`,
    'steps log k1, steps retry k1, classes, classes pause cpu, pipelines show, pipelines plan --all --each',
    'webhooks list, webhooks failures, webhooks test w1',
  ].flatMap((line) => line.split(', '));
  for (const command of commands) {
    const { stdout, stderr } = await runCommand([...command.split(' '), '--server', url]);
    expect({ command, stdout }).toMatchObject({ stdout: expect.stringContaining('?]0;owned??[2J?31m?eman?') });
    expect({ command, steers: steering.test(stdout + stderr) }).toEqual({ command, steers: false });
  }
});

test('of no refusal, and of no name of a file that cannot be read', async () => {
  const url = await answering((_, response) =>
    response
      .writeHead(413, { 'content-type': 'application/problem+json' })
      .end(JSON.stringify({ code: 'file-too-large', title: 'x', detail: `Too large ${hostile}\n✓ all is well` })),
  );
  const path = join(folder, `film${hostile}`);
  await writeFile(path, 'film');
  await mkdir(join(folder, `folder${hostile}`));
  for (const isTTY of [false, true])
    for (const name of [path, join(folder, `folder${hostile}`)]) {
      const args = ['upload', name, '--server', url];
      const ran = await runCommand(args, { env: { XDG_STATE_HOME: folder }, isTTY });
      const line = ran.stderr.split('\n').find((words) => words.includes('✗ '));
      expect(line).toContain('owned');
      expect(steering.test(line?.slice(line.indexOf('✗')) ?? '\u001b')).toBe(false);
      expect(ran.stderr).not.toMatch(/^✓/m);
    }
  const status = await runCommand(['status', '--server', url]);
  expect(status).toMatchObject({ exitCode: 1, stderr: 'Too large ?]0;owned??[2J?31m?eman??✓ all is well' });
});
