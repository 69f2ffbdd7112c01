import { expect, it } from 'vitest';
import { lectureFields, noLecture, recordingName } from './lecture.ts';

const lecture = { subject: ' Cardiology ', topic: 'A/B: arrhythmias', speaker: 'Dr. Núñez' };

it('has the names of the recordings API', () => {
  expect(lectureFields(lecture)).toEqual({
    asignatura: 'Cardiology',
    tema: 'A/B: arrhythmias',
    profesor_text: 'Dr. Núñez',
  });
  expect(lectureFields(null)).toEqual({});
});

it('names a recording after what it is, in characters that every file system takes', () => {
  const at = new Date(2026, 10, 3, 9, 5);
  expect(recordingName(lecture, at, 'audio/webm;codecs=opus')).toBe(
    'Cardiology, A B  arrhythmias 2026-11-03 09.05.webm',
  );
  expect(recordingName(noLecture, at, 'audio/mp4')).toBe('Recording 2026-11-03 09.05.m4a');
});
