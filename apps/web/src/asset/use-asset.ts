import type { Artifact, Asset, Run } from '@holdfast/protocol';
import { useEffect, useState } from 'react';
import type { Api } from '../api/api.ts';
import { useServices } from '../app/services.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { plural } from '../format/format.ts';
import { type Loaded, useResource } from '../state/resource.ts';
import { type Analytic, readAnalytic } from './analytic.ts';
import { type ArtifactReader, createArtifactReader } from './artifact-reader.ts';
import { artifactEnding, artifactOf, concernsAsset, currentArtifacts } from './asset-view.ts';
import { readScreenText, type ScreenText } from './screen-text.ts';
import { readStoryboard, type StoryboardPicture } from './storyboard.ts';
import { readSummary, type Summary } from './summary.ts';
import { readTranscript, type Transcript } from './transcript.ts';
import { readWaveform, type Waveform } from './waveform.ts';

export interface AssetView {
  readonly asset: Asset;
  readonly runs: readonly Run[];
  readonly artifacts: readonly Artifact[];
  /** Each null until its step is done. */
  readonly analytic: Analytic | null;
  readonly summary: Summary | null;
  readonly waveform: Waveform | null;
  readonly transcript: Transcript | null;
  readonly storyboard: readonly StoryboardPicture[] | null;
  readonly screenText: readonly ScreenText[] | null;
}

/** An asset with all that the pipeline found, live. */
export function useAsset(id: string): [Loaded<AssetView>, () => void] {
  const { api } = useServices();
  const [reader] = useState(() => createArtifactReader(api));
  const [loaded, reload] = useResource(id, () => loadAsset(api, reader, id));
  const runs = loaded.state === 'ready' ? loaded.value.runs : [];
  const connection = useEventStream((event) => {
    if (concernsAsset(event, id, runs)) reload();
  });
  // What happened while the connection was gone is in the answers, too.
  useEffect(() => {
    if (connection === 'open') reload();
  }, [connection, reload]);
  return [loaded, reload];
}

async function loadAsset(api: Api, reader: ArtifactReader, id: string): Promise<AssetView> {
  const asked = Promise.all([api.asset(id), api.runs(id), api.artifacts(id)]);
  // The first number that a page formats costs 20 ms, because the browser loads its tables: better while the server is asked than while the page is drawn.
  plural(1_000, '');
  const [asset, runs, all] = await asked;
  const artifacts = currentArtifacts(runs, all);
  const [analytic, summary, waveform, transcript, storyboard, screenText] = await Promise.all([
    reader.json(artifactEnding(artifacts, '.analytic.json'), readAnalytic),
    reader.json(artifactEnding(artifacts, '.summary.json'), readSummary),
    reader.json(artifactOf(artifacts, 'waveform.json'), readWaveform),
    loadTranscript(reader, artifacts),
    reader.text(artifactOf(artifacts, 'storyboard.vtt'), (vtt) => readStoryboard(vtt, artifacts)),
    reader.json(artifactOf(artifacts, 'on-screen-text.json'), readScreenText),
  ]);
  return { asset, runs, artifacts, analytic, summary, waveform, transcript, storyboard, screenText };
}

async function loadTranscript(reader: ArtifactReader, artifacts: readonly Artifact[]): Promise<Transcript | null> {
  const raw = artifactOf(artifacts, 'transcript.json');
  const clean = artifactOf(artifacts, 'transcript.clean.json');
  const [said, cleaned] = await Promise.all([reader.json(raw, (json) => json), reader.json(clean, (json) => json)]);
  // Hours of speech take a while to read: in a turn of its own, before the page is drawn in the next.
  await nextTurn();
  const transcript = reader.made(`${raw?.url} ${clean?.url}`, () => readTranscript(said, cleaned));
  await nextTurn();
  return transcript;
}

/** Lets the page answer in between. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
