/** Clients that are programs of Debian: curl in a shell, and tuspy. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const tuspyProgram = fileURLToPath(new URL('./tuspy_upload.py', import.meta.url));

export interface Tuspy {
  readonly url: string;
  /** The offset that the server told at the start, and the one at the end. */
  readonly began: number;
  readonly offset: number;
}

/** A folder with one file in it, for programs that send it. */
export class Sender {
  readonly #folder: string;
  readonly #url: string;

  private constructor(folder: string, url: string) {
    this.#folder = folder;
    this.#url = url;
  }

  static async with(bytes: Buffer, serverUrl: string): Promise<Sender> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-sender-'));
    await writeFile(join(folder, 'film & more.mp4'), bytes);
    return new Sender(folder, serverUrl);
  }

  /** Runs a script; resolves to its last line. */
  async curl(script: string): Promise<string> {
    const env = { PATH: process.env['PATH'], URL: this.#url, FILE: this.#file };
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: this.#folder, env });
    return stdout.trim().split('\n').at(-1) ?? '';
  }

  /** @param stopAfter chunks to send before the program ends; 0 sends all */
  async tuspy(chunkSize: number, checksum: boolean, stopAfter = 0): Promise<Tuspy> {
    const words = [`${this.#url}/files`, this.#file, join(this.#folder, 'urls.json')];
    const args = [...words, String(chunkSize), checksum ? 'yes' : 'no', String(stopAfter)];
    // Debian's own Python: another one in the path does not have its packages.
    const { stdout } = await run('/usr/bin/python3', [tuspyProgram, ...args]);
    return JSON.parse(stdout) as Tuspy;
  }

  get #file(): string {
    return join(this.#folder, 'film & more.mp4');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
