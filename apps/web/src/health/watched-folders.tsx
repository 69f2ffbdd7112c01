import type { WatchFolderDetails } from '@holdfast/protocol';
import { useEffect } from 'react';
import { FileName } from '../app/file-name.tsx';
import { Icon, type IconName } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { formatBytes, formatPercent, plural } from '../format/format.ts';
import { loadedOf, useResource } from '../state/resource.ts';
import { countWords, folderTone, folderWords } from './watch.ts';

const lookMs = 5_000;
// What waits in a folder of thousands is found with `holdfast watch status`.
const waitingShown = 5;

const toneIcons: Readonly<Record<ReturnType<typeof folderTone>, IconName>> = {
  well: 'done',
  calm: 'waiting',
  bad: 'failed',
};

/** The watched folders, compactly, with the files that wait and why. Nothing for those who may not see them. */
export function WatchedFolders() {
  const { api } = useServices();
  // Above it stands why nobody answers: how folders were a moment ago must not stay on the screen.
  const [looked, lookAgain] = useResource('watched folders', () => loadedOf(api.watchedFolders()));
  const folders = looked.state === 'ready' ? looked.value : looked;
  useEffect(() => {
    const timer = setInterval(lookAgain, lookMs);
    return () => clearInterval(timer);
  }, [lookAgain]);
  if (folders.state !== 'ready' || folders.value === null || folders.value.length === 0) return null;
  return (
    <section className="section" aria-labelledby="watched-title">
      <div className="section-head">
        <h2 id="watched-title">Watched folders</h2>
      </div>
      <ul className="watched panel">
        {folders.value.map((folder) => (
          <Folder key={folder.id} folder={folder} />
        ))}
      </ul>
    </section>
  );
}

function Folder({ folder }: { folder: WatchFolderDetails }) {
  const { path, counts, taking, problems, waitingFiles } = folder;
  const tone = folderTone(folder);
  return (
    <li className="watched-folder" data-tone={tone}>
      <Icon name={toneIcons[tone]} />
      <div className="watched-words">
        <p className="watched-path">{path}</p>
        <p className="quiet">{folderWords(folder)}</p>
        {problems.map((problem) => (
          <p key={problem} className="watched-problem">
            {problem}
          </p>
        ))}
        <ul className="watched-files">
          {taking.map((file) => (
            <li key={file.path}>
              <FileName name={file.path} />{' '}
              <span className="quiet">
                is being taken, {formatPercent(file.size === 0 ? 0 : file.bytes / file.size)} of{' '}
                {formatBytes(file.size)}
              </span>
            </li>
          ))}
          {waitingFiles.slice(0, waitingShown).map((file) => (
            <li key={file.path}>
              <FileName name={file.path} />{' '}
              <span className="quiet">waits{file.reason === null ? '' : `: ${file.reason}`}</span>
            </li>
          ))}
          {counts.waiting > waitingShown ? (
            <li className="quiet">and {plural(counts.waiting - waitingShown, 'more file')} that wait</li>
          ) : null}
        </ul>
      </div>
      <p className="watched-counts">{countWords(counts)}</p>
    </li>
  );
}
