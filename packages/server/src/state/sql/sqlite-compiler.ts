/** Statements for SQLite, as its planner wants them. */
import { type LimitNode, type OffsetNode, type OperationNode, SqliteQueryCompiler, ValueNode } from 'kysely';

/**
 * SQLite looks at what is bound to a limit when it plans a statement, and plans it anew for every run because that may have changed: three times the cost of looking up a
 * row. A number that is known is written out, and the statement stays prepared.
 */
export class SqliteCompiler extends SqliteQueryCompiler {
  protected override visitLimit({ limit }: LimitNode): void {
    this.append('limit ');
    this.#count(limit);
  }

  protected override visitOffset({ offset }: OffsetNode): void {
    this.append('offset ');
    this.#count(offset);
  }

  #count(node: OperationNode): void {
    if (ValueNode.is(node) && typeof node.value === 'number') this.appendImmediateValue(node.value);
    else this.visitNode(node);
  }
}
