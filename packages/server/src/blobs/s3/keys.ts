/**
 * What is where under the bucket's prefix. Ids and names become keys only here, and only after they were checked.
 *
 * - `incoming/<upload id>/<nonce>`: pieces of unfinished uploads, each written once
 * - `arriving/<upload id>/<name>`: what clients sent straight to the store and nobody has taken yet; may be written again
 * - `assets/sha256/<2 hex>/<2 hex>/<digest>`: whole contents
 * - `artifacts/<first 2 of key>/<step key>/<digest>/<name>`: files that steps produced; with their digest, so that one who lost a step
 *   cannot replace the files of the one who has it
 * - `checks/<nonce>`: made and removed by `ping` and `holdfast doctor`
 */
import { randomBytes } from 'node:crypto';
import { invariant } from '../../core/errors.ts';
import { isArtifactName, isDigest, isUploadId } from '../disk/layout.ts';

/** 128 random bits: no two objects ever have the same name. */
export function nonce(): string {
  return randomBytes(16).toString('hex');
}

export class S3Keys {
  readonly #prefix: string;

  /** `prefix` without slashes at its ends; empty for the whole bucket. */
  constructor(prefix: string) {
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
  }

  get incoming(): string {
    return `${this.#prefix}incoming/`;
  }
  /** Of all uploads. */
  get arrivals(): string {
    return `${this.#prefix}arriving/`;
  }
  get assets(): string {
    return `${this.#prefix}assets/sha256/`;
  }

  get artifacts(): string {
    return `${this.#prefix}artifacts/`;
  }

  /** A name for a new object of an upload, as the part map keeps it. */
  newPiece(uploadId: string): string {
    invariant(isUploadId(uploadId), 'upload id is well-formed');
    return `${uploadId}/${nonce()}`;
  }

  piece(name: string): string {
    return this.incoming + name;
  }

  /** The name of a piece by its key. */
  pieceName(key: string): string {
    return key.slice(this.incoming.length);
  }

  piecesOf(uploadId: string): string {
    invariant(isUploadId(uploadId), 'upload id is well-formed');
    return `${this.incoming}${uploadId}/`;
  }

  arrivalsOf(uploadId: string): string {
    invariant(isUploadId(uploadId), 'upload id is well-formed');
    return `${this.arrivals}${uploadId}/`;
  }

  arriving({ uploadId, name }: { readonly uploadId: string; readonly name: string }): string {
    invariant(/^[a-z0-9-]{1,32}$/.test(name), 'name of an arrival is well-formed');
    return this.arrivalsOf(uploadId) + name;
  }

  asset(digest: string): string {
    invariant(isDigest(digest), 'digest is 64 lower-case hex digits');
    return `${this.assets}${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest}`;
  }

  artifact(artifact: { readonly stepKey: string; readonly sha256: string; readonly name: string }): string {
    const { stepKey, sha256, name } = artifact;
    invariant(isDigest(sha256), 'digest is 64 lower-case hex digits');
    invariant(isArtifactName(name), 'artifact name is well-formed');
    return `${this.artifactsOf(stepKey)}${sha256}/${name}`;
  }

  /** Everything that was published under the key. */
  artifactsOf(stepKey: string): string {
    invariant(isUploadId(stepKey), 'step key is well-formed');
    return `${this.artifacts}${stepKey.slice(0, 2)}/${stepKey}/`;
  }

  /** The digest in the key of an artifact. */
  digestOfArtifact(key: string): string {
    return key.split('/').at(-2) ?? '';
  }

  check(): string {
    return `${this.#prefix}checks/${nonce()}`;
  }
}
