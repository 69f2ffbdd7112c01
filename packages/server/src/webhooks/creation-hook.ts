/** A hook of the operator that may refuse an upload before it is created. */
import type { CreationQuestion } from '@holdfast/protocol';
import { HoldfastError } from '../core/errors.ts';
import { oneLine } from '../core/one-line.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { CreationGate } from '../core/ports/creation-gate.ts';
import type { Log } from '../core/ports/log.ts';
import type { WebhookObserver } from '../core/ports/webhook-admin.ts';
import type { Upload } from '../core/upload.ts';
import { type Answer, failureOf, isDelivered } from '../core/webhook.ts';
import { Poster, type Receiver } from './poster.ts';

export interface CreationHook extends Receiver {
  readonly host: string;
  /** What to do when it does not answer, or with something that is neither yes nor no. */
  readonly whenUnreachable: 'refuse' | 'allow';
}

export interface HookDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: Pick<WebhookObserver, 'asked'>;
  readonly version: string;
}

const messageCharsMax = 500;
const unexplained = 'This server does not take the upload; its creation hook gave no reason.';

export class HookedCreation implements CreationGate {
  readonly #hook: CreationHook;
  readonly #deps: HookDependencies;
  readonly #poster: Poster;

  constructor(hook: CreationHook, deps: HookDependencies) {
    this.#hook = hook;
    this.#deps = deps;
    this.#poster = new Poster(deps.clock, deps.version);
  }

  async admit(upload: Upload): Promise<void> {
    const { clock, log, observer } = this.#deps;
    const body = JSON.stringify(questionOf(upload, clock.now()));
    const answer = await this.#poster.post(this.#hook, { id: `creation_${upload.id}`, body });
    if (isDelivered(answer)) {
      observer.asked('allowed');
      return;
    }
    const facts = { uploadId: upload.id, principal: upload.principal, host: this.#hook.host };
    if (answer.kind === 'answered' && answer.status >= 400 && answer.status <= 499) {
      observer.asked('refused');
      log.info({ ...facts, status: answer.status }, 'the creation hook refused an upload');
      throw new HoldfastError('creation-refused', reasonOf(answer), { details: { hookStatus: answer.status } });
    }
    observer.asked('unreachable');
    const { whenUnreachable } = this.#hook;
    log.error({ ...facts, whenUnreachable, error: failureOf(answer) }, 'the creation hook could not be asked');
    if (whenUnreachable === 'allow') return;
    throw new HoldfastError(
      'unavailable',
      'The server has to ask whether it may take this upload, and got no answer. Nothing was created; try again.',
    );
  }
}

function questionOf(upload: Upload, now: number): CreationQuestion {
  const { id, principal, protocol, filename, size, contentType, metadata, expectedDigest } = upload;
  const sha256 = expectedDigest?.algorithm === 'sha-256' ? expectedDigest.value : null;
  return {
    id: `creation_${id}`,
    type: 'upload.creating',
    timestamp: new Date(now).toISOString(),
    principal,
    upload: { id, protocol, filename, size, contentType, sha256, metadata: { ...metadata } },
  };
}

/** The hook's own words for the client: `{"message": …}`, on one line of bounded length. */
function reasonOf(answer: Extract<Answer, { kind: 'answered' }>): string {
  try {
    const value: unknown = JSON.parse(answer.body);
    if (typeof value !== 'object' || value === null || !('message' in value)) return unexplained;
    const words = typeof value.message === 'string' ? oneLine(value.message, messageCharsMax) : '';
    return words === '' ? unexplained : words;
  } catch {
    return unexplained;
  }
}
