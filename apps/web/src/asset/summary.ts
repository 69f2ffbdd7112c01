/** `<name>.summary.json`: what the file is in words, and words for each shot. Pure. */
import { asObject, numberAt, objectsAt, textAt } from './json-reader.ts';

export interface Summary {
  readonly text: string;
  /** Words for a shot, by its number. */
  readonly shotTraits: ReadonlyMap<number, readonly string[]>;
  /** What no step could find out. */
  readonly notKnown: readonly string[];
}

export function readSummary(json: unknown): Summary | null {
  const root = asObject(json);
  const text = textAt(root, 'text') ?? textAt(root, 'summary');
  if (root === null || text === null) return null;
  const scenes = objectsAt(root, 'scenes').flatMap((scene, position) => {
    const traits = texts(scene['traits']);
    return traits.length === 0 ? [] : [[numberAt(scene, 'index') ?? position + 1, traits] as const];
  });
  return { text, shotTraits: new Map(scenes), notKnown: texts(root['notKnown']) };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
