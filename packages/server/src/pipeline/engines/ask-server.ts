/**
 * One question to a server of models over HTTP: with a limit of time and size, again after 429 and faults as long as it is worth it, and
 * without ever putting the key into an error.
 */
import type { Clock } from '../../core/ports/clock.ts';
import { patientFetch } from '../../platform/patient-fetch.ts';
import { PermanentStepError } from '../context.ts';

export interface Question {
  readonly url: string;
  readonly apiKey: string | null;
  /** A body for each attempt, because a stream can be read only once. */
  body(): Promise<{ readonly body: FormData | string; readonly contentType: string | null }>;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  onWait(facts: { readonly waitMs: number; readonly reason: string }): void;
}

const attemptsMax = 5;
const firstWaitMs = 1_000;
/** A server that wants more patience than this is asked again by the pipeline's own retry. */
const waitMsMax = 120_000;

/** Resolves to the answer's JSON. Rejects with `PermanentStepError` when the server will not take such a question. */
export async function askServer(question: Question): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await askOnce(question);
    if (outcome.kind === 'answer') return outcome.value;
    if (attempt >= attemptsMax) throw new Error(`${outcome.reason} (asked ${attempt} times)`);
    const waitMs = outcome.waitMs ?? firstWaitMs * 2 ** (attempt - 1);
    if (waitMs > waitMsMax)
      throw new Error(`${outcome.reason}; it wants to be left alone for ${Math.round(waitMs / 1000)} s`);
    question.onWait({ waitMs, reason: outcome.reason });
    await pause(waitMs, question);
  }
}

type Outcome =
  | { readonly kind: 'answer'; readonly value: unknown }
  | { readonly kind: 'again'; readonly reason: string; readonly waitMs: number | null };

async function askOnce(question: Question): Promise<Outcome> {
  const { url, apiKey, signal, timeoutMs } = question;
  const host = new URL(url).host;
  const { body, contentType } = await question.body();
  const headers = new Headers({ accept: 'application/json' });
  if (contentType !== null) headers.set('content-type', contentType);
  if (apiKey !== null) headers.set('authorization', `Bearer ${apiKey}`);
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await patientFetch(url, {
      method: 'POST',
      headers,
      body,
      // A redirect could carry the sound and the key to another place.
      redirect: 'error',
      signal: AbortSignal.any([signal, timeout]),
    });
    const text = await limitedText(response, question.answerBytesMax);
    if (response.ok) return { kind: 'answer', value: parsed(text, host) };
    const reason = `${host} answered ${response.status}: ${said(text, apiKey)}`;
    if (![408, 409, 425, 429].includes(response.status) && response.status < 500) throw new PermanentStepError(reason);
    return { kind: 'again', reason, waitMs: retryAfterMs(response.headers.get('retry-after'), question.clock) };
  } catch (error) {
    if (signal.aborted || error instanceof PermanentStepError) throw error;
    const why = timeout.aborted
      ? `did not answer within ${Math.round(timeoutMs / 1000)} s`
      : `cannot be reached (${causeOf(error)})`;
    return { kind: 'again', reason: `${host} ${why}`, waitMs: null };
  }
}

async function limitedText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new PermanentStepError(`The answer is longer than ${bytesMax} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string, host: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PermanentStepError(
      `${host} did not answer with JSON; it began with: ${JSON.stringify(text.slice(0, 120))}`,
    );
  }
}

/** The server's own words, cut short, without the key should it repeat it. */
function said(text: string, apiKey: string | null): string {
  const words = text.replace(/\s+/g, ' ').trim();
  return ((apiKey ?? '') === '' ? words : words.replaceAll(apiKey ?? '', '***')).slice(0, 300) || 'no details';
}

function retryAfterMs(header: string | null, clock: Clock): number | null {
  if (header === null) return null;
  if (/^\d+(\.\d+)?$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - clock.now());
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function pause(ms: number, { clock, signal }: Question): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      cancel();
      reject(new Error('aborted'));
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
