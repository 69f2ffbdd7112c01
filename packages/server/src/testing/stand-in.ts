/** An adapter that does everything as another one does, but for the methods that are given: for broken adapters and for faults. */
export function instead<T extends object>(adapter: T, changes: Partial<T>): T {
  return new Proxy(adapter, {
    get(target, name) {
      const own: unknown = Reflect.get(changes, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
