/**
 * Arguments with placeholders. No shell ever sees them: each argument stays one argument, whatever a placeholder stands for.
 *
 * `{input}` the asset's file · `{name}` its name for files · `{id}` its SHA-256 · `{scratch}` an empty folder · `{param:X}` ·
 * `{output:NAME}` where to write an output · `{file:NAME}` only its file name · `{artifact:STEP/NAME}` a file of another step ·
 * `{{` and `}}` braces.
 */
const bare = ['input', 'name', 'id', 'scratch'] as const;
const named = ['param', 'output', 'file'] as const;

export type Placeholder =
  | { readonly kind: (typeof bare)[number] }
  | { readonly kind: (typeof named)[number]; readonly name: string }
  | { readonly kind: 'artifact'; readonly step: string; readonly name: string };

export type Template = readonly (string | Placeholder)[];

/** The parts of the text, or what is wrong with it. */
export function parseTemplate(text: string): Template | { readonly error: string } {
  const parts: (string | Placeholder)[] = [];
  let end = 0;
  for (const match of text.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g)) {
    parts.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[0] === '{{' || match[0] === '}}') {
      parts.push(match[0].charAt(0));
      continue;
    }
    const placeholder = match[1] === undefined ? null : parsePlaceholder(match[1]);
    if (placeholder === null)
      return {
        error: `${match[0]} is no placeholder. Known are {input}, {name}, {id}, {scratch}, {param:X}, {output:NAME}, {file:NAME} and {artifact:STEP/NAME}; a brace is written twice.`,
      };
    parts.push(placeholder);
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== '');
}

function parsePlaceholder(text: string): Placeholder | null {
  const simple = bare.find((kind) => kind === text);
  if (simple) return { kind: simple };
  const [kind, ...rest] = text.split(':');
  const name = rest.join(':');
  const known = named.find((one) => one === kind);
  if (known && name !== '') return { kind: known, name };
  const artifact = /^artifact:([^/]+)\/(.+)$/.exec(text);
  return artifact ? { kind: 'artifact', step: artifact[1] ?? '', name: artifact[2] ?? '' } : null;
}

/** The text with every placeholder looked up; null as soon as one of them has nothing to stand for. */
export function fillTemplate(text: string, lookUp: (placeholder: Placeholder) => string | null): string | null {
  const parts = parseTemplate(text);
  if ('error' in parts) throw new Error(parts.error);
  let filled = '';
  for (const part of parts) {
    const value = typeof part === 'string' ? part : lookUp(part);
    if (value === null) return null;
    filled += value;
  }
  return filled;
}
