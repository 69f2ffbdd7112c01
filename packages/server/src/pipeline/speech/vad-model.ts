/** Finds the Silero model of voice activity (MIT licence), which `scripts/bundle.mjs` puts into `dist/models`. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const name = 'silero_vad_v5.onnx';

/** Path of the model; null when this copy of Holdfast came without. */
export function vadModelPath(): string | null {
  // From the bundle (dist/bin), from modules (dist/pipeline/speech), from source (src/pipeline/speech).
  const places = ['../models/', '../../models/', '../../../dist/models/'];
  const found = places.map((place) => fileURLToPath(new URL(place + name, import.meta.url))).find(existsSync);
  return found ?? fromPackage();
}

/** In a clone that was not bundled yet. */
function fromPackage(): string | null {
  try {
    return createRequire(import.meta.url).resolve(`@ricky0123/vad-web/dist/${name}`);
  } catch {
    return null;
  }
}
