import { expect, it } from 'vitest';
import { sourceFacts } from './source-facts.ts';

it('C1 tells what the sender said in words, and leaves out what is empty', () => {
  expect(sourceFacts({ asignatura: 'Cardiology', tema: '', profesor_text: 'Dr. Núñez', ward: '7' })).toEqual([
    { key: 'asignatura', label: 'Subject', value: 'Cardiology' },
    { key: 'profesor_text', label: 'Speaker', value: 'Dr. Núñez' },
    { key: 'ward', label: 'ward', value: '7' },
  ]);
  expect(sourceFacts({ constructor: 'as sent' })).toEqual([
    { key: 'constructor', label: 'constructor', value: 'as sent' },
  ]);
});

it('tells the time of the last change as a date, unless it is none', () => {
  const told = (lastModified: string) => sourceFacts({ lastModified }, 'en-GB').map(({ value }) => value)[0];
  expect(told(String(Date.UTC(2026, 10, 22, 12)))).toMatch(/^22 Nov 2026, \d\d:\d\d$/);
  expect(['yesterday', '-1', '1e3', '9'.repeat(20)].map(told)).toEqual(['yesterday', '-1', '1e3', '9'.repeat(20)]);
});
