/** The addresses of the page. Pure: parsing and writing are each other's inverse. */

export type Route =
  | { readonly page: 'home' }
  | { readonly page: 'asset'; readonly id: string }
  | { readonly page: 'processing' }
  | { readonly page: 'activity' }
  | { readonly page: 'health' }
  | { readonly page: 'missing'; readonly path: string };

export function parseRoute(path: string): Route {
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed === '') return { page: 'home' };
  if (trimmed === '/processing') return { page: 'processing' };
  if (trimmed === '/activity') return { page: 'activity' };
  // `/health` is the server's own answer for monitoring.
  if (trimmed === '/status') return { page: 'health' };
  const id = /^\/assets\/([0-9a-f]{64})$/.exec(trimmed)?.[1];
  return id === undefined ? { page: 'missing', path } : { page: 'asset', id };
}

export function routePath(route: Route): string {
  switch (route.page) {
    case 'home':
      return '/';
    case 'processing':
      return '/processing';
    case 'activity':
      return '/activity';
    case 'health':
      return '/status';
    case 'asset':
      return `/assets/${route.id}`;
    case 'missing':
      return route.path;
  }
}
