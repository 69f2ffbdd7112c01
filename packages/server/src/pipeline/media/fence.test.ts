import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { type FencedRun, FenceError, runFenced } from './fence.ts';
import { networkFence } from './network-fence.ts';

const base = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 20_000, outputs: [] };

function shell(script: string, more: Partial<FencedRun> = {}): FencedRun {
  return { command: '/bin/sh', args: ['-c', script], ...base, ...more };
}

async function kindOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    return error instanceof FenceError ? error.kind : String(error);
  }
}

async function alive(pid: number): Promise<boolean> {
  try {
    // A zombie that nobody has waited for yet is dead for our purpose.
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** A shell whose child ignores SIGTERM and holds the output open; writes the child's pid to a file. */
async function stubborn(): Promise<{ script: string; pid: () => Promise<number> }> {
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'fence-')), 'pid');
  const script = `trap '' TERM; (trap '' TERM; while :; do sleep 0.1; done) & echo $! > ${file}; wait`;
  const pid = async () => {
    for (let tries = 0; tries < 100; tries += 1) {
      const text = await readFile(file, 'utf8').catch(() => '');
      if (text.endsWith('\n')) return Number(text);
      await sleep(20);
    }
    throw new Error('the child did not start');
  };
  return { script, pid };
}

describe('runFenced', () => {
  it('gives exit code, outputs on several descriptors and the end of standard error', async () => {
    const got: Record<number, string> = { 1: '', 4: '' };
    const output = (fd: number) => ({
      fd,
      bytesMax: 100,
      take: (chunk: Buffer) => {
        got[fd] += chunk.toString();
      },
    });
    const exit = await runFenced(
      shell('echo one; echo four >&4; echo oops >&2; exit 3', { outputs: [output(1), output(4)] }),
    );
    expect(got).toEqual({ 1: 'one\n', 4: 'four\n' });
    expect(exit).toMatchObject({ code: 3, stderrTail: 'oops', stderrLines: 1 });
  });

  it('kills the whole process group when the time is up, even one that ignores SIGTERM', async () => {
    const { script, pid } = await stubborn();
    const outputs = [{ fd: 1, bytesMax: 100, take: () => {} }];
    const started = performance.now();
    const result = kindOf(runFenced(shell(script, { timeoutMs: 500, outputs })));
    const child = await pid();
    expect(await alive(child)).toBe(true);
    expect(await result).toBe('timeout');
    expect(performance.now() - started).toBeLessThan(6_000);
    await sleep(50);
    expect(await alive(child)).toBe(false);
  });

  it('kills the group on abort', async () => {
    const { script, pid } = await stubborn();
    const controller = new AbortController();
    const result = kindOf(runFenced(shell(script, { signal: controller.signal })));
    const child = await pid();
    controller.abort();
    expect(await result).toBe('aborted');
    await sleep(50);
    expect(await alive(child)).toBe(false);
  });

  it('ends with the program even when a descendant keeps the pipes open', async () => {
    const outputs = [{ fd: 1, bytesMax: 100, take: () => {} }];
    const started = performance.now();
    const exit = await runFenced(shell('sleep 60 & exit 0', { outputs }));
    expect(exit.code).toBe(0);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('stops a program that writes more than it may', async () => {
    let bytes = 0;
    const outputs = [
      {
        fd: 1,
        bytesMax: 100_000,
        take: (chunk: Buffer) => {
          bytes += chunk.length;
        },
      },
    ];
    expect(await kindOf(runFenced({ ...base, command: '/usr/bin/yes', args: [], outputs }))).toBe('output-too-large');
    expect(bytes).toBeLessThanOrEqual(100_000);
  });

  it('holds the program back while the handler is busy', async () => {
    let calls = 0;
    const take = async () => {
      calls += 1;
      await sleep(20);
    };
    const outputs = [{ fd: 1, bytesMax: 10_000_000, take }];
    const exit = await runFenced(shell('head -c 1000000 /dev/zero', { outputs }));
    expect(exit.code).toBe(0);
    expect(calls).toBeGreaterThan(3);
  });

  it('reports a handler that throws and kills the program', async () => {
    const take = () => Promise.reject(new Error('disk full'));
    expect(
      await kindOf(
        runFenced({ ...base, command: '/usr/bin/yes', args: [], outputs: [{ fd: 1, bytesMax: 1e9, take }] }),
      ),
    ).toBe('handler-failed');
  });

  it('says when the program is not there, and does not start one after the abort', async () => {
    expect(await kindOf(runFenced({ ...base, command: '/no/such/program', args: [] }))).toBe('not-started');
    expect(await kindOf(runFenced(shell('exit 0', { signal: AbortSignal.abort() })))).toBe('aborted');
  });

  it('hands over none of our environment', async () => {
    process.env['HOLDFAST_TEST_SECRET'] = 'x';
    let text = '';
    await runFenced({
      ...base,
      command: '/usr/bin/env',
      args: [],
      outputs: [
        {
          fd: 1,
          bytesMax: 10_000,
          take: (chunk) => {
            text += chunk.toString();
          },
        },
      ],
    });
    delete process.env['HOLDFAST_TEST_SECRET'];
    expect(text).not.toContain('HOLDFAST_TEST_SECRET');
  });

  it('caps memory where prlimit is there', async () => {
    const memory = { prlimit: '/usr/bin/prlimit', bytesMax: 300_000_000 };
    const args = ['-e', 'Buffer.alloc(2e9)'];
    const exit = await runFenced({ ...base, command: process.execPath, args, memory });
    expect(exit.code === 0).toBe(false);
  });

  it('caps CPU time: the kernel kills a program that never ends by itself', async () => {
    const usage = { prlimit: '/usr/bin/prlimit', cpuSecondsMax: 1 };
    const exit = await runFenced(shell('while :; do :; done', { usage }));
    expect(exit).toMatchObject({ code: null, signalName: 'SIGKILL' });
  });

  it('caps the size of files, down to none at all, and leaves pipes alone', async () => {
    const cwd = await mkdtemp(path.join(tmpdir(), 'fence-'));
    const sizes = async (fileBytesMax: number) => {
      let piped = 0;
      const take = (chunk: Buffer) => {
        piped += chunk.length;
      };
      const outputs = [{ fd: 1, bytesMax: 1e6, take }];
      const usage = { prlimit: '/usr/bin/prlimit', fileBytesMax };
      await runFenced(shell('head -c 5000 /dev/zero; head -c 5000 /dev/zero > out', { usage, cwd, outputs }));
      return { piped, written: (await stat(path.join(cwd, 'out'))).size };
    };
    expect(await sizes(0)).toEqual({ piped: 5000, written: 0 });
    expect(await sizes(1_000)).toEqual({ piped: 5000, written: 1_000 });
    await rm(cwd, { recursive: true });
  });

  it('takes the network away where the kernel allows it', async (context) => {
    const question = {
      unshare: '/usr/bin/unshare',
      program: '/usr/bin/ffprobe',
      clock: systemClock,
      signal: base.signal,
    };
    const isolation = await networkFence(question);
    if (isolation === null) return context.skip('this kernel or container gives no network namespaces');
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const connect = [
      '-e',
      `require('net').connect(${port}, '127.0.0.1').on('connect', () => process.exit(7)).on('error', () => process.exit(8))`,
    ];
    const codes = async (more: Partial<FencedRun>) =>
      (await runFenced({ ...base, command: process.execPath, args: connect, ...more })).code;
    expect(await codes({})).toBe(7);
    expect(await codes({ isolation })).toBe(8);
    server.close();
  });

  it('takes it that there is no such fence when the program cannot be started', async () => {
    const question = { unshare: '/no/unshare', program: '/usr/bin/ffprobe', clock: systemClock, signal: base.signal };
    expect(await networkFence(question)).toBeNull();
  });
});
