/** An asset: a whole, verified content, identified by its SHA-256. Several uploads can point at one asset. */
import type { Millis, Sha256 } from './upload.ts';

export interface Asset {
  readonly id: Sha256;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  readonly createdAt: Millis;
}

/** One way by which an asset came in: which principal owns it, under which name. */
export interface AssetSource {
  readonly assetId: Sha256;
  readonly principal: string;
  /** The upload, or of a watched file an id that follows from where it is. */
  readonly uploadId: string;
  readonly filename: string;
  readonly safeName: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly addedAt: Millis;
  /** Where it was found, if it came from a watched folder. Paths for display. */
  readonly watched?: { readonly folder: string; readonly path: string };
}

/** What pipelines may ask about the way by which an asset came in. */
export interface AssetOrigin {
  readonly kind: 'upload' | 'watch';
  readonly metadata: Readonly<Record<string, string>>;
}

export function originOf({ watched, metadata }: AssetSource): AssetOrigin {
  return { kind: watched === undefined ? 'upload' : 'watch', metadata };
}
