/** Whether an answer is one of the protocol: what a foreign server, a portal or a proxy says is JSON too. Pure. */

/** What is looked at of a schema. Words that newer servers may add to lists of words, patterns and ranges are not. */
interface Shape {
  readonly type?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
}

/** Every field that the schema requires is there, and each is of its type. */
export function hasShape(value: unknown, schema: object): boolean {
  const { type, required = [], properties = {}, items, anyOf } = schema as Shape;
  if (anyOf !== undefined) return anyOf.some((one) => hasShape(value, one));
  switch (type) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
      const fields = value as Readonly<Record<string, unknown>>;
      return required.every((name) => Object.hasOwn(fields, name) && hasShape(fields[name], properties[name] ?? {}));
    }
    case 'array':
      return Array.isArray(value) && (items === undefined || value.every((one) => hasShape(one, items)));
    case 'null':
      return value === null;
    case 'integer':
      return Number.isSafeInteger(value);
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type;
    default:
      return true;
  }
}
