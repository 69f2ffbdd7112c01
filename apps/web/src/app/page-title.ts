import { useEffect } from 'react';

export function usePageTitle(title: string | null): void {
  useEffect(() => {
    document.title = title === null ? 'Holdfast' : `${title} · Holdfast`;
  }, [title]);
}
