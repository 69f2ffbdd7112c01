/** One definition file as text with positions: every mistake is told with file, line and column. */
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { type Document, isMap, isPair, isScalar, LineCounter, type ParsedNode, parseDocument } from 'yaml';

export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** What is wrong and what to do. */
  readonly message: string;
}

export type Path = readonly (string | number)[];

export class DefinitionText {
  readonly name: string;
  readonly problems: Problem[] = [];
  readonly #document: Document.Parsed<ParsedNode>;
  readonly #lines = new LineCounter();

  constructor(file: { readonly name: string; readonly text: string }) {
    this.name = file.name;
    this.#document = parseDocument(file.text, { lineCounter: this.#lines, prettyErrors: false });
    for (const error of [...this.#document.errors, ...this.#document.warnings]) this.#add(error.pos[0], error.message);
  }

  /** The content; undefined when the file is not well-formed, which the problems then say. */
  content(): unknown {
    if (this.problems.length > 0) return undefined;
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      // Aliases that lead nowhere or grow without end.
      this.#add(0, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** A problem at the value of the path, or at the nearest place above it that is there. */
  problem(path: Path, message: string): void {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = this.#document.getIn(path.slice(0, length), true);
      const range = (node as { range?: readonly number[] | null } | undefined)?.range;
      if (!range) continue;
      this.#add(range[0] ?? 0, message);
      return;
    }
    this.#add(0, message);
  }

  /** A problem at the key itself. */
  problemAtKey(path: Path, message: string): void {
    const parent = this.#document.getIn(path.slice(0, -1), true);
    const pair = isMap(parent) ? parent.items.find((item) => keyOf(item.key) === path.at(-1)) : undefined;
    const range = isPair(pair) ? (pair.key as { range?: readonly number[] | null }).range : undefined;
    if (range) this.#add(range[0] ?? 0, message);
    else this.problem(path, message);
  }

  /** Whether the value fits; if not, the problems say what does not. */
  fits(schema: TSchema, value: unknown, path: Path): boolean {
    const errors = Value.Errors(schema, value) as readonly SchemaError[];
    const unions = errors.filter((error) => error.keyword === 'anyOf').map((error) => `${error.schemaPath}/anyOf/`);
    for (const error of errors) {
      // The union says what it takes; its branches would each say why it is not them.
      if (error.keyword === 'boolean' || unions.some((union) => error.schemaPath.startsWith(union))) continue;
      this.#schemaProblem(error, schema, path);
    }
    return errors.length === 0;
  }

  #schemaProblem(error: SchemaError, schema: TSchema, path: Path): void {
    const at = [...path, ...pointer(error.instancePath)];
    const part = pointer(error.schemaPath.slice(1)).reduce<unknown>(
      (inner, key) => (inner as Record<string, unknown> | undefined)?.[key],
      schema,
    ) as { description?: string; properties?: object } | undefined;
    if (error.keyword === 'required') {
      this.problem(at, `${error.params.requiredProperties?.map(quoted).join(', ')} is missing here.`);
    } else if (error.keyword === 'additionalProperties') {
      const known = Object.keys(part?.properties ?? {}).join(', ');
      const hint = known === '' ? '' : `; known are ${known}`;
      for (const key of error.params.additionalProperties ?? [])
        this.problemAtKey([...at, key], `${quoted(key)} is not known here${hint}.`);
    } else {
      const what = error.keyword === 'anyOf' ? 'is not what is taken here' : error.message;
      const hint = part?.description === undefined ? '' : ` ${part.description}`;
      this.problem(at, `${quoted(String(at.at(-1) ?? 'the file'))} ${what}.${hint}`);
    }
  }

  #add(offset: number, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.problems.push({ file: this.name, line: Math.max(1, line), column: Math.max(1, col), message });
  }
}

interface SchemaError {
  readonly keyword: string;
  /** `#/properties/name` */
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: {
    readonly requiredProperties?: readonly string[];
    readonly additionalProperties?: readonly string[];
  };
  readonly message: string;
}

/** The parts of a JSON pointer (RFC 6901). */
function pointer(text: string): string[] {
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function keyOf(key: unknown): unknown {
  return isScalar(key) ? String(key.value) : undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
