import type { Asset, Run } from '@holdfast/protocol';
import { type RefObject, useEffect, useRef, useState } from 'react';
import type { Api } from '../api/api.ts';
import { useServices } from '../app/services.tsx';
import { readAnalytic } from '../asset/analytic.ts';
import {
  artifactEnding,
  concernsAsset,
  currentArtifacts,
  declaredSeconds,
  keyframes,
  outputNumber,
  outputText,
  type Processing,
  processingOf,
  quickLook,
} from '../asset/asset-view.ts';
import { useEventStream } from '../events/use-event-stream.ts';
import { useResource } from '../state/resource.ts';

export interface CardDetails {
  readonly runs: readonly Run[];
  readonly processing: Processing;
  readonly logline: string | null;
  readonly durationSeconds: number | null;
  readonly pictureUrl: string | null;
  /** The picture of a sound: 0 … 1 in even steps; empty where there is a real picture. */
  readonly loudness: readonly number[];
}

/** What a card shows beyond the asset itself; asked for when the card comes near the screen, live from then on. */
export function useCard(asset: Asset): { ref: RefObject<HTMLLIElement | null>; details: CardDetails | null } {
  const { api } = useServices();
  const ref = useRef<HTMLLIElement>(null);
  const near = useNearScreen(ref);
  const [loaded, reload] = useResource(`${asset.id} ${near}`, () =>
    near ? loadCard(api, asset.id) : Promise.resolve(null),
  );
  const details = loaded.state === 'ready' ? loaded.value : null;
  useEventStream((event) => {
    if (near && concernsAsset(event, asset.id, details?.runs ?? [])) reload();
  });
  return { ref, details };
}

async function loadCard(api: Api, id: string): Promise<CardDetails> {
  const [runs, all] = await Promise.all([api.runs(id), api.artifacts(id)]);
  const artifacts = currentArtifacts(runs, all);
  // There within seconds, and the one that says most; files of an older version have pictures of their shots only.
  const pictureUrl = quickLook(runs, artifacts).posterUrl ?? keyframes(artifacts)[0]?.url ?? null;
  const analytic = pictureUrl === null ? artifactEnding(artifacts, '.analytic.json') : null;
  const analysis = analytic === null ? null : readAnalytic(await api.json(analytic.url));
  return {
    runs,
    processing: processingOf(runs),
    logline: outputText(runs, 'logline'),
    durationSeconds: outputNumber(runs, 'decodedSeconds') ?? (declaredSeconds(runs) || null),
    pictureUrl,
    loudness: analysis?.loudness ?? [],
  };
}

function useNearScreen(ref: RefObject<HTMLElement | null>): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (near || ref.current === null) return;
    const observer = new IntersectionObserver((entries) => setNear(entries.some((entry) => entry.isIntersecting)), {
      rootMargin: '400px',
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [near, ref]);
  return near;
}
