/** What makes an upload a recording: subject, topic and speaker, as the recordings API names them (docs/recordings.md). Pure. */

export interface Lecture {
  readonly subject: string;
  readonly topic: string;
  readonly speaker: string;
}

export const noLecture: Lecture = { subject: '', topic: '', speaker: '' };

export function lectureFields(lecture: Lecture | null): Readonly<Record<string, string>> {
  if (lecture === null) return {};
  return { asignatura: lecture.subject.trim(), tema: lecture.topic.trim(), profesor_text: lecture.speaker.trim() };
}

/** `Cardiology, Arrhythmias 2026-11-21 12.05.webm`: a name that says what it is where there is no file that had one. */
export function recordingName(lecture: Lecture, startedAt: Date, contentType: string): string {
  const title = [lecture.subject, lecture.topic]
    .map((part) => part.replaceAll(/[/\\:*?"<>|]/g, ' ').trim())
    .filter((part) => part !== '')
    .join(', ')
    .slice(0, 120);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = [startedAt.getFullYear(), two(startedAt.getMonth() + 1), two(startedAt.getDate())].join('-');
  const time = `${two(startedAt.getHours())}.${two(startedAt.getMinutes())}`;
  const ending = contentType.startsWith('audio/mp4') ? 'm4a' : contentType.startsWith('audio/ogg') ? 'ogg' : 'webm';
  return `${title === '' ? 'Recording' : title} ${day} ${time}.${ending}`;
}
