/** Which assets a pipeline is for. */
import type { Asset, AssetOrigin } from '../core/asset.ts';
import { isOfType } from '../core/media-type.ts';

/** Every condition that is there has to hold; none: every asset. */
export interface Applies {
  /** Media ranges, such as `video/*`; one of them fits. */
  readonly types?: readonly string[];
  readonly sources?: readonly AssetOrigin['kind'][];
  /** Patterns by metadata key, in which `*` stands for any text; all of them fit, without regard to case. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Bytes, both included. */
  readonly size?: { readonly min?: number; readonly max?: number };
}

/** Conditions on the source and the metadata hold when one of the ways by which the asset came in fulfils them all. */
export function applies(conditions: Applies, asset: Asset, origins: readonly AssetOrigin[]): boolean {
  const { types, sources, metadata, size } = conditions;
  if (types !== undefined && !isOfType(bareType(asset.contentType), types)) return false;
  if (asset.size < (size?.min ?? 0) || asset.size > (size?.max ?? Number.MAX_SAFE_INTEGER)) return false;
  if (sources === undefined && metadata === undefined) return true;
  return origins.some(
    (origin) =>
      (sources === undefined || sources.includes(origin.kind)) &&
      Object.entries(metadata ?? {}).every(([key, pattern]) => fitsPattern(origin.metadata[key], pattern)),
  );
}

function bareType(contentType: string): string {
  return contentType.split(';')[0]?.trim().toLowerCase() ?? '';
}

/** Part by part from the left, so that no pattern takes long for any value. */
function fitsPattern(value: string | undefined, pattern: string): boolean {
  if (value === undefined) return false;
  const text = value.toLowerCase();
  const [head = '', ...rest] = pattern.toLowerCase().split('*');
  const tail = rest.pop();
  if (tail === undefined) return text === head;
  if (!text.startsWith(head)) return false;
  let at = head.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - tail.length >= at && text.endsWith(tail);
}
