/** What can go wrong between the page and the server, as a closed family: the page switches on `kind`. */

export type ApiErrorKind =
  /** No answer at all: the network, or the server is being restarted. */
  | 'unreachable'
  /** 401: an API key is needed. */
  | 'signed-out'
  /** 404: gone, or never there. */
  | 'not-found'
  /** Any other answer that is not a success; `message` is the server's own sentence. */
  | 'refused';

export class ApiError extends Error {
  readonly kind: ApiErrorKind;
  /** The server's stable code (docs/errors.md); empty without one. */
  readonly code: string;
  readonly status: number;

  constructor(kind: ApiErrorKind, message: string, facts: { code?: string; status?: number; cause?: unknown } = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'ApiError';
    this.kind = kind;
    this.code = facts.code ?? '';
    this.status = facts.status ?? 0;
  }
}

/** The error for an answer that is not a success. `body` is its text: a problem document, or what a proxy made of it. */
export function errorFromAnswer(status: number, body: string): ApiError {
  const problem = parseProblem(body);
  const message = problem.detail || problem.title || `The server answered ${status}.`;
  const facts = { status, code: problem.code };
  if (status === 401) return new ApiError('signed-out', message, facts);
  if (status === 404) return new ApiError('not-found', message, facts);
  // A proxy in front of a server that is away: to people that is the same as no answer.
  if (status === 502 || status === 503 || status === 504) return new ApiError('unreachable', message, facts);
  return new ApiError('refused', message, facts);
}

/** The sentence to show for anything that was caught. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function parseProblem(body: string): { title: string; detail: string; code: string } {
  try {
    const parsed: unknown = JSON.parse(body);
    const text = (key: string) => {
      const value: unknown = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, key) : undefined;
      return typeof value === 'string' ? value : '';
    };
    return { title: text('title'), detail: text('detail'), code: text('code') };
  } catch {
    return { title: '', detail: '', code: '' };
  }
}

export function isApiError(error: unknown): error is ApiError {
  return error instanceof ApiError;
}
