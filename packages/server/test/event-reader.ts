/** Reads a server-sent event stream as a browser would (WHATWG HTML §9.2), and keeps what came. */
import type { LogEvent } from '@holdfast/protocol';

export interface Received {
  readonly id: number;
  readonly type: string;
  readonly data: LogEvent;
}

export class EventReader {
  readonly #events: Received[] = [];
  readonly #abort = new AbortController();
  #done = false;
  #wake: () => void = () => {};

  static async open(url: string, lastEventId?: number, headers: Record<string, string> = {}): Promise<EventReader> {
    const reader = new EventReader();
    const resume = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...resume, ...headers },
      signal: reader.#abort.signal,
    });
    if (
      response.status !== 200 ||
      !response.headers.get('content-type')?.startsWith('text/event-stream') ||
      !response.body
    )
      throw new Error(`No event stream: ${response.status} ${await response.text()}`);
    void reader.#read(response.body);
    return reader;
  }

  /** What came so far, once the condition holds. Rejects when it does not in time. */
  async until(holds: (events: readonly Received[]) => boolean, ms = 5_000): Promise<readonly Received[]> {
    const deadline = performance.now() + ms;
    while (!holds(this.#events)) {
      if (performance.now() > deadline)
        throw new Error(`Not within ${ms} ms: ${this.#events.map((e) => e.type).join(', ')}`);
      await this.#changed(100);
    }
    return [...this.#events];
  }

  /** Whether the server ends the stream within 5 s. */
  async ended(): Promise<boolean> {
    for (let i = 0; i < 50 && !this.#done; i += 1) await this.#changed(100);
    return this.#done;
  }

  close(): void {
    this.#abort.abort();
  }

  #changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const part of body) {
        text += decoder.decode(part, { stream: true });
        const frames = text.split('\n\n');
        text = frames.pop() ?? '';
        for (const frame of frames) this.#take(frame);
        this.#wake();
      }
    } catch {
      // Aborted, or the server went away: as far as it came.
    }
    this.#done = true;
    this.#wake();
  }

  #take(frame: string): void {
    const fields = new Map(
      frame
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const),
    );
    const data = fields.get('data');
    if (data === undefined) return;
    this.#events.push({
      id: Number(fields.get('id')),
      type: fields.get('event') ?? '',
      data: JSON.parse(data) as LogEvent,
    });
  }
}
