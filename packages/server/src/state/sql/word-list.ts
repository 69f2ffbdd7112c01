/** Conditions that a column has one of some words, as text of a schema or a query. The words are never anybody's input. */

export interface WordList {
  readonly column: string;
  readonly values: readonly string[];
}

/** As a list: what SQLite makes a table of, for more than two words, each time that it has to look. */
export function listed({ column, values }: WordList): string {
  return `${column} in (${values.map((value) => `'${value}'`).join(', ')})`;
}

/** As comparisons, one after the other. */
export function oneOf({ column, values }: WordList): string {
  return `(${values.map((value) => `${column} = '${value}'`).join(' or ')})`;
}
