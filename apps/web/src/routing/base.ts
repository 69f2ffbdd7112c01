/** Where the server is on its host. It says so in the page's <base>: nothing at the root, or a path such as /holdfast. */

/** The path of the base without its last slash. */
export function basePathOf(baseUri: string): string {
  return new URL(baseUri).pathname.replace(/\/+$/, '');
}

/** An address of the server, which may have its base already. */
export function underBase(base: string, path: string): string {
  return path.startsWith(`${base}/`) ? path : base + path;
}

/** A path of the browser as the page's router knows it. */
export function withoutBase(base: string, path: string): string {
  return path === base || path.startsWith(`${base}/`) ? path.slice(base.length) : path;
}
