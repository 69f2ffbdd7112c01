import { useEffect, useEffectEvent, useId, useRef, useState } from 'react';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { PreparationRows } from '../compression/preparation-rows.tsx';
import { isWorthAsking } from '../compression/sound-choice.ts';
import { type Decision, SoundTray } from '../compression/sound-tray.tsx';
import { useSoundSettings } from '../compression/use-sound-settings.ts';
import { type Lecture, noLecture } from '../recording/lecture.ts';
import { RecordingPanel } from '../recording/recording-panel.tsx';
import { useWatchable } from '../state/store.ts';
import { DropZone } from './drop-zone.tsx';
import { matchUnfinished } from './match-unfinished.ts';
import { UnfinishedList } from './unfinished-list.tsx';
import { UploadList } from './upload-list.tsx';
import { useUnfinished, useUploads } from './use-uploads.ts';

interface Asked {
  readonly files: readonly File[];
  readonly lecture: Lecture | null;
}

/** Picking files and recording, and what becomes of them until they are stored. */
export function UploadSection() {
  const { items, queue } = useUploads();
  const unfinished = useUnfinished();
  const choose = useRef<HTMLButtonElement>(null);
  const subject = useRef<HTMLInputElement>(null);
  const [recording, setRecording] = useState(false);
  const [lecture, setLecture] = useState(noLecture);
  const { asked, take, decide, forget, settings } = useTaking(unfinished.items);
  const onChoose = () => choose.current?.click();
  const takeDropped = (files: readonly File[]) => {
    if (!recording) take(files, null);
    else if (lecture.subject.trim() !== '') take(files, lecture);
    else subject.current?.reportValidity();
  };
  return (
    <>
      <DropZone
        onFiles={takeDropped}
        dropWords={recording ? 'Let go to send it as a recording' : 'Let go to upload'}
        buttonRef={choose}
      >
        <button
          type="button"
          className="button button-large"
          aria-expanded={recording}
          aria-controls="recording-panel"
          onClick={() => setRecording(!recording)}
        >
          <Icon name="microphone" />
          Recording
        </button>
      </DropZone>
      {recording ? (
        <RecordingPanel
          lecture={lecture}
          onLecture={setLecture}
          onFiles={(files) => take(files, lecture)}
          subjectRef={subject}
        />
      ) : null}
      {asked === null ? null : (
        <SoundTray
          key={asked.lecture === null ? 'file' : 'recording'}
          files={asked.files}
          forRecording={asked.lecture !== null}
          settings={settings}
          onDecide={decide}
          onForget={forget}
        />
      )}
      <Notes />
      <PreparationRows />
      <UploadList items={items} queue={queue} onChoose={onChoose} fallback={choose} />
      <UnfinishedList {...unfinished} onChoose={onChoose} />
    </>
  );
}

/** What happens to picked files: most are sent at once; for sound there is a choice first. */
function useTaking(unfinished: ReturnType<typeof useUnfinished>['items']) {
  const { uploads, workshop, announcer } = useServices();
  const settings = useSoundSettings();
  const [asked, setAsked] = useState<Asked | null>(null);
  const send = (files: readonly File[], given: Lecture | null) => {
    const free = new Map(unfinished.filter(({ elsewhere }) => !elsewhere).map(({ upload }) => [upload.id, upload]));
    for (const file of files) {
      const earlier = matchUnfinished(file, [...free.values()]);
      if (earlier !== null) free.delete(earlier.id);
      const { name: filename, lastModified } = file;
      // A recording is sound or video; what lies beside it is sent as what it is.
      const lecture = /^(?:audio|video)\/|^$/.test(file.type) ? given : null;
      const resume = earlier === null ? {} : { resumeId: earlier.id };
      void uploads.send({ content: file, filename, lastModified, lecture, ...resume });
    }
  };
  const take = (files: readonly File[], lecture: Lecture | null) => {
    const isAsked = (file: File) => settings.offered && isWorthAsking(file, lecture !== null);
    send(
      files.filter((file) => !isAsked(file)),
      lecture,
    );
    const sound = files.filter(isAsked);
    if (sound.length === 0) return;
    announcer.say('Choose how the sound is sent.');
    // What was asked about before is no longer: it is sent as it is.
    if (asked !== null && asked.lecture !== lecture) send(asked.files, asked.lecture);
    const before = asked !== null && asked.lecture === lecture ? asked.files : [];
    setAsked({ files: [...before, ...sound], lecture });
  };
  // The files were faster than the server's word that there is nothing to choose.
  const needless = asked !== null && !settings.offered;
  const sendAsked = useEffectEvent(() => {
    if (asked === null) return;
    setAsked(null);
    send(asked.files, asked.lecture);
  });
  useEffect(() => {
    if (needless) sendAsked();
  }, [needless]);
  const decide = ({ goal, keepsOriginal }: Decision) => {
    if (asked === null) return;
    setAsked(null);
    const { files, lecture } = asked;
    if (goal === null) send(files, lecture);
    else workshop.add(files.map((file) => ({ file, goal, lecture, keepsOriginal })));
  };
  return { asked, take, decide, forget: () => setAsked(null), settings };
}

/** What could not be done with a file, or was done otherwise than asked. */
function Notes() {
  const { uploads } = useServices();
  const notes = useWatchable(uploads.notes);
  const title = useId();
  if (notes.length === 0) return null;
  return (
    <section className="section" aria-labelledby={title}>
      <h2 id={title} className="visually-hidden">
        Notes
      </h2>
      <ul className="rows panel">
        {notes.map(({ id, text, tone }) => (
          <li key={id} className="upload-note" data-tone={tone}>
            <p>{text}</p>
            <button
              type="button"
              className="button button-small button-quiet"
              aria-label={`Close: ${text}`}
              onClick={() => uploads.dropNote(id)}
            >
              <Icon name="cancel" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
