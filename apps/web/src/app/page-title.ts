import { shownName } from '@holdfast/protocol';
import { useEffect } from 'react';

export function usePageTitle(title: string | null): void {
  useEffect(() => {
    document.title = title === null ? 'Holdfast' : `${shownName(title)} · Holdfast`;
  }, [title]);
}
