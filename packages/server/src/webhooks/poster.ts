/** One signed request: bounded in time, in what is read of the answer, and in where it goes. */
import type { Clock } from '../core/ports/clock.ts';
import type { Millis } from '../core/upload.ts';
import type { Answer, WebhookEndpoint } from '../core/webhook.ts';
import { type Message, signatureHeaders } from './signature.ts';

export type Receiver = Pick<WebhookEndpoint, 'url' | 'keys' | 'timeoutMs'>;

/** Bytes of an answer that are read at most. */
const answerBytesMax = 16 * 1024;

export class Poster {
  readonly #clock: Clock;
  readonly #userAgent: string;

  constructor(clock: Clock, version: string) {
    this.#clock = clock;
    this.#userAgent = `Holdfast/${version}`;
  }

  /**
   * Sends the message and never rejects. The answer counts from its status on; redirects are not followed, because the signed body is meant
   * for nobody else. `stopping` gives up early.
   */
  async post(receiver: Receiver, message: Message, stopping?: AbortSignal): Promise<Answer> {
    const late = new AbortController();
    const cancel = this.#clock.after(receiver.timeoutMs, () => late.abort());
    const signal = stopping ? AbortSignal.any([late.signal, stopping]) : late.signal;
    try {
      const response = await fetch(receiver.url, {
        method: 'POST',
        redirect: 'manual',
        signal,
        headers: {
          'content-type': 'application/json',
          'user-agent': this.#userAgent,
          ...signatureHeaders(message, receiver.keys, this.#clock.now()),
        },
        body: message.body,
      });
      const retryAfterMs = retryAfter(response.headers.get('retry-after'), this.#clock.now());
      return { kind: 'answered', status: response.status, retryAfterMs, body: await beginningOf(response) };
    } catch (error) {
      if (late.signal.aborted) return { kind: 'no-answer', reason: `no answer within ${receiver.timeoutMs / 1000} s` };
      return { kind: 'no-answer', reason: reasonOf(error) };
    } finally {
      cancel();
    }
  }
}

/** RFC 9110 §10.2.3: seconds or a date. Null when it is neither. */
export function retryAfter(header: string | null, now: Millis): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  // Date.parse takes much more than dates of HTTP: "-5" is a year to it.
  const at = header.trim().endsWith('GMT') ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** Of an answer that says no; what a receiver says when it took the message is of no interest. */
async function beginningOf(response: Response): Promise<string> {
  if (response.ok || response.body === null) {
    await response.body?.cancel().catch(() => {});
    return '';
  }
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    while (length < answerBytesMax) {
      const { value, done } = await reader.read();
      if (done) break;
      parts.push(value);
      length += value.byteLength;
    }
  } catch {
    // The status is what counts; the connection may break after it.
  }
  await reader.cancel().catch(() => {});
  return Buffer.concat(parts).subarray(0, answerBytesMax).toString('utf8');
}

/** fetch says "fetch failed" and puts what happened into the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const { code } = cause as NodeJS.ErrnoException;
  return code === undefined
    ? cause.message
    : cause.message.includes(code)
      ? cause.message
      : `${cause.message} ${code}`.trim();
}
