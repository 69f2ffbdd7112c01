import type { Artifact, Asset, Run } from '@holdfast/protocol';
import { useEffect } from 'react';
import type { Api } from '../api/api.ts';
import { useServices } from '../app/services.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { type Loaded, setTimer, useResource } from '../state/resource.ts';
import { type Analytic, readAnalytic } from './analytic.ts';
import { artifactEnding, concernsAsset } from './asset-view.ts';
import { readSummary, type Summary } from './summary.ts';

export interface AssetView {
  readonly asset: Asset;
  readonly runs: readonly Run[];
  readonly artifacts: readonly Artifact[];
  readonly analytic: Analytic | null;
  readonly summary: Summary | null;
}

// Steps tell when they start and end, not how far they are; that is asked for while somebody looks.
const progressEveryMs = 2_000;

/** An asset with all that the pipeline found, live. */
export function useAsset(id: string): [Loaded<AssetView>, () => void] {
  const { api } = useServices();
  const [loaded, reload] = useResource(id, () => loadAsset(api, id));
  const runs = loaded.state === 'ready' ? loaded.value.runs : [];
  const connection = useEventStream((event) => {
    if (concernsAsset(event, id, runs)) reload();
  });
  // What happened while the connection was gone is in the answers, too.
  useEffect(() => {
    if (connection === 'open') reload();
  }, [connection, reload]);
  const running = runs.some((run) => run.state === 'running');
  useEffect(() => (running ? every(progressEveryMs, reload) : undefined), [running, reload]);
  return [loaded, reload];
}

async function loadAsset(api: Api, id: string): Promise<AssetView> {
  const [asset, runs, artifacts] = await Promise.all([api.asset(id), api.runs(id), api.artifacts(id)]);
  const [analytic, summary] = await Promise.all([
    loadJson(api, artifactEnding(artifacts, '.analytic.json')),
    loadJson(api, artifactEnding(artifacts, '.summary.json')),
  ]);
  return { asset, runs, artifacts, analytic: readAnalytic(analytic), summary: readSummary(summary) };
}

async function loadJson(api: Api, artifact: Artifact | null): Promise<unknown> {
  return artifact === null ? null : api.json(artifact.url);
}

function every(ms: number, run: () => void): () => void {
  let cancel = () => {};
  const next = () => {
    cancel = setTimer(() => {
      run();
      next();
    }, ms);
  };
  next();
  return () => cancel();
}
