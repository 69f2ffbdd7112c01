import { usePageTitle } from '../app/page-title.ts';
import { UploadSection } from '../uploads/upload-section.tsx';
import { LibrarySection } from './library-section.tsx';

export function HomePage({ search }: { search: string }) {
  usePageTitle(search === '' ? null : `“${search}”`);
  return (
    <>
      <UploadSection />
      <LibrarySection search={search} />
    </>
  );
}
