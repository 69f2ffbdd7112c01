/**
 * Where things are under a data directory. Ids and names become paths only here, and only after they were checked.
 *
 * - `incoming/<upload id>`: one file per unfinished upload, bytes at their final offset
 * - `assets/sha256/<first 2 of digest>/<digest>`: whole contents. One level of 256 folders, all made at open: placing is one rename
 *   and one directory sync, and concurrent placements often share that sync
 * - `artifacts/<first 2 of key>/<step key>/<name>`
 * - `scratch/`: working folders of steps; emptied freely by whose it is
 */
import { join } from 'node:path';
import { invariant } from '../../core/errors.ts';

const uploadIdPattern = /^[0-9a-z-]{8,64}$/;
const digestPattern = /^[0-9a-f]{64}$/;
const stepKeyPattern = /^[0-9a-z-]{8,64}$/;
/** Letters and digits of any script (names derive from file names), never a dot first, never a separator or control character. */
const artifactNamePattern = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}._ -]{0,150}$/u;
/** What ext4, XFS and most others take as a file name. */
const nameBytesMax = 255;

export function isUploadId(text: string): boolean {
  return uploadIdPattern.test(text);
}
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}
export function isArtifactName(text: string): boolean {
  return artifactNamePattern.test(text) && Buffer.byteLength(text) <= nameBytesMax;
}

/** Paths under one data directory. Every method throws (programmer error) for an id that is not well-formed. */
export class DiskLayout {
  readonly root: string;
  readonly incoming: string;
  readonly assets: string;
  readonly artifacts: string;
  readonly scratch: string;

  /** Nodes that share a data directory have a scratch folder each, on the same file system: files are renamed out of it. */
  constructor(root: string, scratch: string = join(root, 'scratch')) {
    this.root = root;
    this.incoming = join(root, 'incoming');
    this.assets = join(root, 'assets', 'sha256');
    this.artifacts = join(root, 'artifacts');
    this.scratch = scratch;
  }

  incomingFile(uploadId: string): string {
    invariant(isUploadId(uploadId), 'upload id is well-formed');
    return `${this.incoming}/${uploadId}`;
  }

  /** Where a copy of an upload's file is made. */
  isolatedFile(uploadId: string): string {
    invariant(isUploadId(uploadId), 'upload id is well-formed');
    return `${this.scratch}/incoming-${uploadId}`;
  }

  /** Where a file of this machine is taken in, before it is known what it is. */
  intakeFile(id: string): string {
    invariant(isUploadId(id), 'intake id is well-formed');
    return `${this.scratch}/intake-${id}`;
  }

  /** All 256 folders that assets are spread over. */
  assetFolders(): string[] {
    return Array.from({ length: 256 }, (_, i) => `${this.assets}/${i.toString(16).padStart(2, '0')}`);
  }

  assetFolder(digest: string): string {
    invariant(isDigest(digest), 'digest is 64 lower-case hex digits');
    return `${this.assets}/${digest.slice(0, 2)}`;
  }

  assetFile(digest: string): string {
    return `${this.assetFolder(digest)}/${digest}`;
  }

  stepFolder(stepKey: string): string {
    invariant(stepKeyPattern.test(stepKey), 'step key is well-formed');
    return `${this.artifacts}/${stepKey.slice(0, 2)}/${stepKey}`;
  }

  artifactFile(stepKey: string, name: string): string {
    invariant(isArtifactName(name), 'artifact name is well-formed');
    return `${this.stepFolder(stepKey)}/${name}`;
  }

  scratchFolder(stepKey: string, fence: number): string {
    invariant(stepKeyPattern.test(stepKey), 'step key is well-formed');
    invariant(Number.isSafeInteger(fence) && fence >= 0, 'fence is a whole number');
    return `${this.scratch}/${stepKey}-${fence}`;
  }
}
