import { Link } from '../routing/navigation.tsx';
import { usePageTitle } from './page-title.ts';

export function MissingPage({ path }: { path: string }) {
  usePageTitle('Nothing here');
  return (
    <section className="message-page">
      <h1>There is nothing at this address</h1>
      <p className="quiet">{path}</p>
      <Link to={{ page: 'home' }} className="button button-primary">
        Go to the library
      </Link>
    </section>
  );
}
