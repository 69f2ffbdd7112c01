/** Functions of a source file with their lengths, read from its syntax tree. */
import { parseAst } from 'vite';
import type { SourceFile } from './source.ts';

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface FunctionSize {
  readonly name: string;
  readonly lines: number;
  readonly parameters: number;
}

const functionTypes = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

export function functionsOf(file: SourceFile): FunctionSize[] {
  const tree = parseAst(file.text, { lang: file.path.endsWith('x') ? 'tsx' : 'ts' }) as unknown as Node;
  const found: FunctionSize[] = [];
  visit(tree, (node, parent) => {
    if (!functionTypes.has(node.type)) return;
    const lines = file.text.slice(node.start, node.end).split('\n').length;
    found.push({
      name: nameOf(node) ?? nameOf(parent) ?? 'anonymous',
      lines,
      parameters: (node['params'] as unknown[]).length,
    });
  });
  return found;
}

function visit(node: Node, callback: (node: Node, parent: Node | null) => void, parent: Node | null = null): void {
  callback(node, parent);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === 'object' && child !== null && typeof (child as Node).type === 'string')
        visit(child as Node, callback, node);
    }
  }
}

function nameOf(node: Node | null): string | null {
  const id = (node?.['id'] ?? node?.['key']) as { name?: string } | null | undefined;
  return id?.name ?? null;
}
