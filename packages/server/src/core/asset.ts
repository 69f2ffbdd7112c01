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
  readonly uploadId: string;
  readonly filename: string;
  readonly safeName: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly addedAt: Millis;
}
