/** Pictures beside words; they never stand alone, so screen readers skip them. */

const shapes = {
  pause: 'M8 5.5v13M16 5.5v13',
  resume: 'M8 5l11 7-11 7z',
  cancel: 'M6 6l12 12M18 6L6 18',
  retry: 'M19.5 8.5A8 8 0 1 0 20 14M20 4v5h-5',
  done: 'M5 12.5l4.5 4.5L19 7.5',
  failed: 'M12 7v6M12 16.5v.5M12 3l9.5 17h-19z',
  skipped: 'M5 12h14M14 7l5 5-5 5',
  waiting: 'M12 7v5l3.5 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  download: 'M12 4v11M7 10.5l5 5 5-5M5 20h14',
  upload: 'M12 20V7M6.5 12L12 6.5l5.5 5.5M5 3.5h14',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  back: 'M19 12H5M11 6l-6 6 6 6',
  microphone: 'M12 3.5a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0v-5a3 3 0 0 0-3-3zM6 11a6 6 0 0 0 12 0M12 17v3.5',
  bin: 'M4.5 6.5h15M9.5 6V3.5h5V6M6.5 6.5l1 14h9l1-14M10.5 10.5v6M13.5 10.5v6',
  up: 'M6 15l6-6 6 6',
  down: 'M6 9l6 6 6-6',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20',
  audio: 'M4 10v4M8 6.5v11M12 3.5v17M16 7.5v9M20 10.5v3',
  video: 'M4 5h16v14H4zM10 9l5 3-5 3z',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4',
  other: 'M6 3h8l4 4v14H6zM14 3v4h4',
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}

/** A bench holdfast: the hook that keeps a work piece where it is. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path className="mark-hook" d="M9 29V12a8 8 0 0 1 8-8h1a8 8 0 0 1 8 8v4.5" />
      <path className="mark-piece" d="M16 20h13v6H16z" />
      <path className="mark-bench" d="M3 29h26" />
    </svg>
  );
}
