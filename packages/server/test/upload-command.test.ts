/** `holdfast upload` and `holdfast status` against a whole node on a real socket. */
import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunOptions, runCommand } from './command-line.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

let folder: string;
let node: RunningNode;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
  node = await RunningNode.start();
});
afterEach(async () => {
  await node.close();
  await rm(folder, { recursive: true, force: true });
});

async function fileOf(bytes: Uint8Array, name = 'film.mp4'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

function run(args: readonly string[], options: RunOptions = {}) {
  const env = { HOLDFAST_SERVER: node.url, XDG_STATE_HOME: join(folder, 'state'), ...options.env };
  return runCommand(args, { ...options, env });
}

const remembered = () => readdir(join(folder, 'state', 'holdfast', 'uploads')).catch(() => []);

/** Interrupts as soon as some bytes are safe. */
async function interruptedUpload(path: string) {
  const controller = new AbortController();
  const poll = setInterval(async () => {
    const [upload] = (await node.json<{ items: { receivedBytes: number }[] }>('GET', '/v1/uploads')).body.items;
    if (upload !== undefined && upload.receivedBytes > 0) controller.abort();
  }, 5);
  const ran = await run(['upload', path, '--json', '--chunk-size', '64K', '--parallel', '1'], {
    signal: controller.signal,
  });
  clearInterval(poll);
  return ran;
}

describe('upload', () => {
  test('what it remembers is below the home directory also where XDG_STATE_HOME is set to nothing', async () => {
    const home = join(folder, 'home');
    const env = { XDG_STATE_HOME: '', HOME: home };
    expect(await run(['upload', await fileOf(someBytes(1_000))], { env })).toMatchObject({ exitCode: 0 });
    expect(await readdir(join(home, '.local', 'state', 'holdfast'))).toEqual(['uploads']);
  });

  test('several files, each verified, an empty one too; a line each', async () => {
    const files = [someBytes(300_000), someBytes(70_000), new Uint8Array(0)];
    const paths = await Promise.all(files.map((bytes, i) => fileOf(bytes, `${i}.bin`)));
    const ran = await run(['upload', ...paths, '--metadata', 'subject=harbour', '--metadata', 'take=a=b']);
    expect(ran).toMatchObject({ exitCode: 0, stdout: '' });
    for (const bytes of files)
      expect(ran.stderr).toMatch(new RegExp(`✓ \\d\\.bin .*SHA-256 verified  ${sha256(bytes)}`));
    const asset = await node.json<{ sources: { metadata: object }[] }>(
      'GET',
      `/v1/assets/${sha256(files[0] ?? files[2] ?? new Uint8Array())}`,
    );
    expect(asset.body.sources[0]?.metadata).toEqual({ subject: 'harbour', take: 'a=b' });
    expect(await remembered()).toEqual([]);
  });

  test('what is through is not kept for an interruption: of many files nothing is left on the signal', async () => {
    const { signal } = new AbortController();
    const paths = await Promise.all(Array.from({ length: 20 }, (_, i) => fileOf(someBytes(100 + i), `${i}.bin`)));
    let most = 0;
    const onText = () => {
      most = Math.max(most, getEventListeners(signal, 'abort').length);
    };
    expect((await run(['upload', ...paths], { signal, onText })).exitCode).toBe(0);
    await expect.poll(() => getEventListeners(signal, 'abort')).toEqual([]);
    expect(most).toBeLessThan(20);
  });

  test('as events for programs', async () => {
    const bytes = someBytes(200_000);
    const ran = await run(['upload', await fileOf(bytes), '--json', '--chunk-size', '64K']);
    expect(ran.events.map(({ event }) => event).filter((event) => event !== 'progress')).toEqual([
      'began',
      'created',
      'completed',
      'summary',
    ]);
    expect(ran.events.find(({ event }) => event === 'completed')).toMatchObject({
      sha256: sha256(bytes),
      verified: true,
      size: 200_000,
    });
    expect(ran.events.at(-1)).toMatchObject({ completed: 1, failed: 0, interrupted: 0 });
  });

  test('draws bars on a terminal', async () => {
    const ran = await run(['upload', await fileOf(someBytes(200_000))], { isTTY: true });
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain('✓ film.mp4');
  });

  test('interrupted: exit code 130, paused on the server, remembered; the same command goes on', async () => {
    const bytes = someBytes(6_000_000);
    const path = await fileOf(bytes);
    const first = await interruptedUpload(path);
    expect(first.exitCode).toBe(130);
    expect(first.stderr).toContain('Run the same command again to go on');
    expect(await remembered()).toHaveLength(1);
    const [upload] = (
      await node.json<{ items: { id: string; state: string; receivedBytes: number }[] }>('GET', '/v1/uploads')
    ).body.items;
    expect(upload).toMatchObject({ state: 'paused' });
    const second = await run(['upload', path, '--json']);
    expect(second.exitCode).toBe(0);
    const completed = second.events.find(({ event }) => event === 'completed');
    expect(completed).toMatchObject({ uploadId: upload?.id, resumed: true, verified: true, sha256: sha256(bytes) });
    expect(await remembered()).toEqual([]);
  });

  test('a file that changed since, or --no-resume, begins anew', async () => {
    const path = await fileOf(someBytes(6_000_000));
    await interruptedUpload(path);
    await fileOf(someBytes(500_000));
    const changed = await run(['upload', path, '--json']);
    expect(changed.events.find(({ event }) => event === 'completed')).toMatchObject({ resumed: false });
    await fileOf(someBytes(6_000_000), 'other.mp4');
    await interruptedUpload(join(folder, 'other.mp4'));
    const anew = await run(['upload', join(folder, 'other.mp4'), '--json', '--no-resume']);
    expect(anew.events.find(({ event }) => event === 'completed')).toMatchObject({ resumed: false });
  });

  test('an upload that the server does not have any more begins anew, and says so', async () => {
    const path = await fileOf(someBytes(6_000_000));
    await interruptedUpload(path);
    const [upload] = (await node.json<{ items: { id: string }[] }>('GET', '/v1/uploads')).body.items;
    await node.json('DELETE', `/v1/uploads/${upload?.id}`);
    const ran = await run(['upload', path, '--json']);
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain('begins anew');
    expect(ran.events.filter(({ event }) => event === 'failed')).toEqual([]);
  });

  test('a file that is not there fails, the others arrive', async () => {
    const ran = await run(['upload', join(folder, 'nothing'), await fileOf(someBytes(10))]);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(/✗ nothing .*ENOENT/);
    expect(ran.stderr).toContain('✓ film.mp4');
    expect(ran.stderr).toContain('1 of 2 files failed');
  });

  test.each([
    ['while the files are sent', 6_000_000, { completed: 1, interrupted: 1 }],
    ['while their processing is waited for', 0, { completed: 2, interrupted: 0 }],
  ])('interrupted %s, it tells how the uploads ended', async (_when, size, counts) => {
    const paths = [await fileOf(someBytes(10)), await fileOf(someBytes(size), 'other.mp4')];
    let left: number = counts.completed;
    const controller = new AbortController();
    const onText = (text: string) => {
      if (text.includes('"event":"completed"')) left -= 1;
      if (left === 0) controller.abort();
    };
    const args = ['upload', ...paths, '--json', '--wait-processing', '--chunk-size', '64K', '--parallel', '1'];
    const ran = await run(args, { signal: controller.signal, onText });
    expect(ran.exitCode).toBe(130);
    expect(ran.stderr).toContain('interrupted');
    expect(ran.events.at(-1)).toMatchObject({ event: 'summary', failed: 0, ...counts });
  });

  describe('while the processing is waited for', () => {
    /** One step, which ends when the file `go` is there. */
    async function slowNode(): Promise<RunningNode> {
      const pipelines = join(folder, 'slow.yaml');
      const wait = `until [ -e ${join(folder, 'go')} ]; do sleep 0.05; done`;
      const step = `{ name: slow, command: [/bin/sh, -c, "${wait}"], version: 1, outputs: { said: { file: said.txt, type: text/plain, from: stdout } } }`;
      await writeFile(pipelines, `default: false\npipelines:\n  - name: slow\n    steps: [${step}]\n`);
      return await RunningNode.start({ config: { pipeline: true, pipelines } });
    }

    test('a server that goes away is waited for as the upload waits, and told of', async () => {
      let slow = await slowNode();
      const { config } = slow;
      const env = { HOLDFAST_SERVER: slow.url };
      let stopping: Promise<void> | undefined;
      let back: Promise<RunningNode> | undefined;
      const args = ['upload', await fileOf(someBytes(1_000)), '--wait-processing'];
      const ran = await run(args, {
        env,
        onText: (text) => {
          if (text.includes('processing: slow')) stopping ??= slow.stop();
          if (text.includes('server not reachable, trying again in'))
            back ??= writeFile(join(folder, 'go'), '').then(() =>
              RunningNode.start({ dataDir: config.dataDir, config: { ...config, port: slow.port } }),
            );
        },
      });
      await stopping;
      slow = (await back) ?? slow;
      await slow.close();
      expect(ran).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('✓ slow succeeded') });
    });

    test('one that stays away is given up when that was said, with exit code 3', async () => {
      const slow = await slowNode();
      let stopping: Promise<void> | undefined;
      const args = ['upload', await fileOf(someBytes(1_000)), '--wait-processing', '--give-up-after', '1', '--json'];
      const ran = await run(args, {
        env: { HOLDFAST_SERVER: slow.url },
        onText: (text) => {
          if (text.includes('processing: slow')) stopping ??= slow.stop();
        },
      });
      await stopping;
      await rm(slow.dataDir, { recursive: true });
      expect(ran).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('does not answer') });
      expect(ran.events.find(({ event }) => event === 'waiting')).toMatchObject({ reason: 'unreachable' });
      expect(ran.events.at(-1)).toMatchObject({ event: 'summary', completed: 1, processed: false });
    });
  });

  test('a named pipe that nobody writes to is refused at once', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const ran = run(['upload', path]);
    const late = setTimeout(() => closeSync(openSync(path, 'w')), 4_000);
    const started = performance.now();
    expect(await ran).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('no regular file') });
    expect(performance.now() - started).toBeLessThan(3_000);
    clearTimeout(late);
  });

  test('waits until the server is back; gives up with exit code 3 when told how long to try', async () => {
    const bytes = someBytes(500_000);
    const path = await fileOf(bytes);
    const { port } = node;
    await node.stop();
    const away = await run(['upload', path, '--give-up-after', '1']);
    expect(away.exitCode).toBe(3);
    let back: Promise<RunningNode> | undefined;
    const ran = await run(['upload', path], {
      onText: (text) => {
        if (text.includes('server not reachable, trying again in')) {
          back ??= RunningNode.start({ dataDir: node.dataDir, config: { port } });
        }
      },
    });
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain('(Ctrl-C keeps your progress)');
    node = (await back) ?? node;
  });

  test('wrong usage has exit code 2', async () => {
    const path = await fileOf(someBytes(1));
    const wrong = [
      ['upload'],
      ['upload', path, '--parallel', '9'],
      ['upload', path, '--chunk-size', 'big'],
      ['upload', path, '--metadata', 'novalue'],
      ['upload', path, '--server', 'ftp://x'],
      ['upload', path, '--unknown'],
    ];
    for (const args of wrong) expect([args, (await run(args)).exitCode]).toEqual([args, 2]);
    const proto = await run(['upload', path, '--metadata', '__proto__=x']);
    expect(proto).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('The key cannot be __proto__') });
    const help = await run(['upload', '--help']);
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toContain('3 server not reachable, 130 interrupted');
  });
});

describe('credentials', () => {
  test('come from the flag or the environment; without them the server’s words and exit code 1', async () => {
    const key = 'k'.repeat(32);
    await using closed = await RunningNode.start({
      config: { apiKeys: [{ principal: 'ana', sha256: sha256(Buffer.from(key)) }] },
      apiKey: key,
    });
    const path = await fileOf(someBytes(1_000));
    const env = { HOLDFAST_SERVER: closed.url };
    expect((await run(['upload', path, '--api-key', key], { env })).exitCode).toBe(0);
    expect((await run(['status'], { env: { ...env, HOLDFAST_API_KEY: key } })).exitCode).toBe(0);
    const refused = await run(['upload', path], { env });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('API key');
    const status = await run(['status'], { env });
    expect(status.exitCode).toBe(1);
    expect(status.stderr).toContain('HOLDFAST_API_KEY');
  });
});

test('a key that no request can carry is wrong usage, not a server that is away; it is not repeated', async () => {
  const path = await fileOf(someBytes(10));
  for (const key of ['0123456789abcdef\r', '0123456789\nabcdef', '0123456789–abcdef'])
    for (const command of [['status'], ['upload', path, '--give-up-after', '1']]) {
      const ran = await run(command, { env: { HOLDFAST_API_KEY: key } });
      expect(ran).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^The API key has a character/) });
      expect(ran.stderr).not.toContain('abcdef');
    }
  expect(await run(['status'], { env: { HOLDFAST_API_KEY: '' } })).toMatchObject({ exitCode: 0 });
});

describe('status', () => {
  test('lists what is under way, shows one upload with what is missing, and an asset', async () => {
    expect((await run(['status'])).stdout).toBe('No uploads under way.\n');
    const bytes = someBytes(200_000);
    const upload = await node.create({ size: bytes.byteLength, filename: 'a\u001b[2Jb.mp4' });
    await node.put(upload.id, 1, bytes.subarray(65_536, 131_072));
    const list = await run(['status']);
    expect(list.stdout).toContain(upload.id);
    expect(list.stdout).not.toContain('\u001b');
    const one = await run(['status', upload.id]);
    expect(one.stdout).toContain('0-65535, 131072-199999');
    expect(one.stdout).toContain('1 of 4');
    expect(JSON.parse((await run(['status', upload.id, '--json'])).stdout)).toMatchObject({ id: upload.id });
    const { assetId } = await node.upload(bytes);
    const asset = await run(['status', assetId ?? '']);
    expect(asset.stdout).toMatch(new RegExp(`^asset +${assetId}`));
  });

  test('of what is not there is exit code 1, of a server that is not there 3', async () => {
    expect(await run(['status', 'nothing'])).toMatchObject({ exitCode: 1, stdout: '' });
    const away = await run(['status', '--server', 'http://127.0.0.1:1']);
    expect(away.exitCode).toBe(3);
    expect(away.stderr).toContain('does not answer');
  });
});
