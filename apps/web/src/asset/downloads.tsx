import { type Artifact, type Asset, shownName } from '@holdfast/protocol';
import { FileName } from '../app/file-name.tsx';
import { Icon } from '../app/icon.tsx';
import { formatBytes, plural } from '../format/format.ts';
import { nameOrder } from '../format/order.ts';
import { keyframes, stepTitle } from './asset-view.ts';

/** The original and what the steps made of it. The pictures of the shots are above; listing hundreds of them helps nobody. */
export function Downloads({ asset, artifacts }: { asset: Asset; artifacts: readonly Artifact[] }) {
  const pictures = new Set([...keyframes(artifacts), ...artifacts.filter(isSheetOrQuick)]);
  const files = artifacts.filter((artifact) => !pictures.has(artifact) && !isInternal(artifact)).toSorted(nameOrder);
  return (
    <section className="section" aria-labelledby="downloads-title">
      <div className="section-head">
        <h2 id="downloads-title">Files</h2>
      </div>
      <ul className="downloads panel">
        <Download name={asset.filename} note="As it arrived" size={asset.size} url={asset.contentUrl} />
        {files.map((artifact) => (
          <Download
            key={`${artifact.stepKey}/${artifact.name}`}
            name={artifact.name}
            note={stepTitle(artifact.step)}
            size={artifact.size}
            url={artifact.url}
          />
        ))}
      </ul>
      {pictures.size === 0 ? null : (
        <p className="quiet downloads-more">
          and {plural(pictures.size, 'picture')}, under the names that the analysis gives them.
        </p>
      )}
    </section>
  );
}

/** Pictures that are only of use with the file that names them. */
function isSheetOrQuick({ step, contentType }: Artifact): boolean {
  return contentType === 'image/jpeg' && (step === 'storyboard' || step === 'quick_look');
}

/** What steps leave for each other: the pictures before they are put on sheets, and what search is fed with. */
function isInternal({ contentType }: Artifact): boolean {
  return contentType === 'video/x-motion-jpeg' || contentType.startsWith('application/vnd.holdfast.');
}

function Download({ name, note, size, url }: { name: string; note: string; size: number; url: string }) {
  return (
    <li className="download">
      <a href={`${url}?download=1`} download={shownName(name)}>
        <Icon name="download" />
        <span className="visually-hidden">Download </span>
        <FileName name={name} />
      </a>
      <span className="quiet">{note}</span>
      <span className="quiet download-size">{formatBytes(size)}</span>
    </li>
  );
}
