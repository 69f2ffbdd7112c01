/** The addresses of the page. Pure: parsing and writing are each other's inverse. */

export type Route =
  | { readonly page: 'home'; readonly search?: string }
  /** `at`: seconds at which to start. */
  | { readonly page: 'asset'; readonly id: string; readonly at?: number }
  | { readonly page: 'processing' }
  | { readonly page: 'activity' }
  | { readonly page: 'health' }
  | { readonly page: 'missing'; readonly path: string };

/** `address`: path and query. */
export function parseRoute(address: string): Route {
  const [path = '', query = ''] = address.split('?', 2);
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed === '') {
    const search = new URLSearchParams(query).get('q')?.trim() ?? '';
    return search === '' ? { page: 'home' } : { page: 'home', search };
  }
  if (trimmed === '/processing') return { page: 'processing' };
  if (trimmed === '/activity') return { page: 'activity' };
  // `/health` is the server's own answer for monitoring.
  if (trimmed === '/status') return { page: 'health' };
  const id = /^\/assets\/([0-9a-f]{64})$/.exec(trimmed)?.[1];
  if (id === undefined) return { page: 'missing', path };
  const at = new URLSearchParams(query).get('t');
  return at !== null && /^\d{1,7}(?:\.\d{1,3})?$/.test(at)
    ? { page: 'asset', id, at: Number(at) }
    : { page: 'asset', id };
}

export function routePath(route: Route): string {
  switch (route.page) {
    case 'home':
      return route.search === undefined ? '/' : `/?${new URLSearchParams({ q: route.search })}`;
    case 'processing':
      return '/processing';
    case 'activity':
      return '/activity';
    case 'health':
      return '/status';
    case 'asset':
      return `/assets/${route.id}${route.at === undefined ? '' : `?t=${Number(route.at.toFixed(3))}`}`;
    case 'missing':
      return route.path;
  }
}
