/** A server of several processes for a campaign: one dies, at a crash point or from outside, and the others go on. */
import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '@holdfast/protocol';
import type { ServerProcess } from './server-process.ts';
import { Api, NoAnswer, type Reply } from './upload-driver.ts';

/** What happens in a life of the server. */
export interface Arm {
  readonly point: string;
  readonly nth: number;
  /** Called once the server serves. */
  readonly serving?: () => void;
}

/** For all of them to be started anew, later each time that they die. */
const patienceMs = 60_000;

export class Survivors {
  readonly #server: ServerProcess;
  readonly #file: string;

  /** `file`: that HOLDFAST_TEST_CRASH_AT of the server names. */
  constructor(server: ServerProcess, file: string) {
    this.#server = server;
    this.#file = file;
  }

  /** One of the processes dies when it comes by the point for the nth time. */
  async arm({ point, nth, serving }: Arm): Promise<void> {
    await this.disarm();
    if (!this.#server.runs) await this.#server.run();
    await writeFile(`${this.#file}.new`, `${point}:${nth}`);
    await rename(`${this.#file}.new`, this.#file);
    serving?.();
  }

  async disarm(): Promise<void> {
    await rm(this.#file, { force: true });
    await rm(`${this.#file}.done`, { force: true });
  }

  sawDeath(): boolean {
    return existsSync(`${this.#file}.done`);
  }

  /** Kills the process that has the slot now. Without effect when it is dead. */
  kill(slot: number): void {
    const line = this.#server.log.findLast(
      ({ worker, msg }) => worker === slot && msg === 'this process takes requests',
    );
    try {
      process.kill(Number(line?.['pid']), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Asks again, for as long as the server lives. */
  async ask(work: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof NoAnswer) || !this.#server.runs) throw error;
        if (performance.now() > deadline) throw new Error('The server lives, and nobody answers.', { cause: error });
      }
      await sleep(20);
    }
  }
}

/** Takes it for no answer when others have not noticed yet who died, or what is asked for is being started anew. */
export class PassingApi extends Api {
  override async json<T>(method: string, path: string, body?: object): Promise<Reply<T>> {
    return passed(await super.json<T>(method, path, body));
  }

  override async put<T>(path: string, content: Uint8Array, headers: Record<string, string> = {}): Promise<Reply<T>> {
    return passed(await super.put<T>(path, content, headers));
  }
}

function passed<T>(reply: Reply<T>): Reply<T> {
  const { code } = (reply.body ?? {}) as Partial<Problem>;
  if (reply.status === 503 || code === 'chunk-busy') throw new NoAnswer(`${reply.status} ${code}`);
  return reply;
}
