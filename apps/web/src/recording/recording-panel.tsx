import { type ChangeEvent, type RefObject, useId, useRef } from 'react';
import { Icon } from '../app/icon.tsx';
import type { Lecture } from './lecture.ts';
import { Microphone } from './microphone.tsx';

interface RecordingPanelProps {
  readonly lecture: Lecture;
  readonly onLecture: (lecture: Lecture) => void;
  readonly onFiles: (files: readonly File[]) => void;
  readonly subjectRef: RefObject<HTMLInputElement | null>;
}

/** Subject, topic and speaker of a recording, and two ways to its sound: a file, or the microphone. */
export function RecordingPanel({ lecture, onLecture, onFiles, subjectRef }: RecordingPanelProps) {
  const input = useRef<HTMLInputElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const title = useId();
  const isComplete = () => form.current?.reportValidity() === true;
  const pick = (event: ChangeEvent<HTMLInputElement>) => {
    onFiles([...(event.target.files ?? [])]);
    event.target.value = '';
  };
  const field = (name: keyof Lecture) => ({
    name,
    value: lecture[name],
    maxLength: 200,
    autoComplete: 'off',
    onChange: (event: ChangeEvent<HTMLInputElement>) => onLecture({ ...lecture, [name]: event.target.value }),
  });
  return (
    <section className="section recording panel" id="recording-panel" aria-labelledby={title}>
      <h2 id={title}>Recording</h2>
      <form className="recording-fields" ref={form} onSubmit={(event) => event.preventDefault()}>
        <label>
          Subject
          <input type="text" required ref={subjectRef} {...field('subject')} />
        </label>
        <label>
          Topic
          <input type="text" {...field('topic')} />
        </label>
        <label>
          Speaker
          <input type="text" {...field('speaker')} />
        </label>
      </form>
      <div className="recording-ways">
        <div className="recording-file">
          <h3>From a file</h3>
          <p className="quiet">Choose it here, or drop it on the page while this is open.</p>
          <button
            type="button"
            className="button"
            onClick={() => {
              if (isComplete()) input.current?.click();
            }}
          >
            <Icon name="upload" />
            Choose a recording
          </button>
          <input
            ref={input}
            type="file"
            multiple
            hidden
            accept="audio/*,video/*"
            aria-label="Recordings to upload"
            onChange={pick}
          />
        </div>
        <Microphone lecture={lecture} isComplete={isComplete} />
      </div>
    </section>
  );
}
