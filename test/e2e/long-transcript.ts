/** A transcript as the pipeline writes it, as long as one likes: each sentence has a word of its own (`word0`, `word1` …). */

const talk = 'so the tide comes into the harbour'.split(' ');

export function longTranscript(sentences: number, seconds: number): { raw: object; clean: object } {
  const each = seconds / sentences;
  const words: object[] = [];
  const said = Array.from({ length: sentences }, (_, i) => {
    const first = words.length;
    const spoken = [`word${i}`, ...talk.slice(0, 2 + (i % 6))];
    for (const [at, text] of spoken.entries()) {
      const start = i * each + (at * each) / spoken.length;
      words.push({ text, start, end: start + 0.1, confidence: (i + at) % 9 === 0 ? 0.3 : 0.9 });
    }
    const text = `W${spoken.join(' ').slice(1)}.`;
    return { start: i * each, end: (i + 1) * each, text, words: [first, words.length] };
  });
  const paragraphs = Array.from({ length: Math.ceil(sentences / 5) }, (_, i) => {
    return { speaker: `S${1 + (i % 2)}`, sentences: said.slice(5 * i, 5 * i + 5) };
  });
  const about = { engine: 'pocketsphinx', grade: 'draft', language: 'en' };
  const quality = { meanConfidence: 0.8, speechShare: 1, wordsPerMinute: 150 };
  return {
    raw: { ...about, quality, segments: said, words },
    clean: { punctuation: 'pauses', language: 'en', source: about, removed: [], paragraphs },
  };
}
