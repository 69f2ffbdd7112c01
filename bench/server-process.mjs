/** A server that is measured: started on a fresh folder, killed, started again. */
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import { nodeBinary } from './subjects.mjs';

const startMs = 20_000;

/** A port that nobody uses at the moment. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

export class ServerProcess {
  #subject;
  #folder;
  #options;
  #child = null;
  #said = '';
  port = 0;

  constructor(subject, folder, options) {
    this.#subject = subject;
    this.#folder = folder;
    this.#options = options;
  }

  get pid() {
    return this.#child.pid;
  }

  /** Starts the process, without waiting for it. */
  spawn() {
    const { profile, 'node-options': nodeOptions = '' } = this.#options;
    const flags = profile ? `${nodeOptions} --cpu-prof --cpu-prof-dir=${profile}` : nodeOptions;
    const [program, ...args] = this.#subject.command(this.port, this.#folder, this.#options);
    const store = this.#options.store ?? { args: [], env: {} };
    const child = spawn(program, [...args, ...store.args], {
      env: {
        ...store.env,
        PATH: `${dirname(nodeBinary)}:${process.env.PATH}`,
        HOME: process.env.HOME,
        NODE_OPTIONS: flags,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (data) => {
      this.#said += data;
    });
    this.#child = child;
  }

  async start() {
    this.port = await freePort();
    this.spawn();
    const deadline = Date.now() + startMs;
    while (!(await answers(this.port))) {
      if (this.#child.exitCode !== null || Date.now() > deadline)
        throw new Error(`The server did not start:\n${this.#said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends the process in order if it is profiled, because the profile is written at the end. */
  async stop() {
    if (this.#options.profile && this.#child?.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGINT');
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10_000).unref())]);
    }
    await this.kill();
  }

  /** kill -9; resolves when the process is gone. */
  kill() {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    });
  }

  /** Kills and starts again; resolves to the moment of the command, in epoch seconds, and the process id. */
  async restart() {
    await this.kill();
    const at = (performance.timeOrigin + performance.now()) / 1000;
    this.spawn();
    return { at, pid: this.pid };
  }
}
