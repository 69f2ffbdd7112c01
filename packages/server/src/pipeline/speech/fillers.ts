/** Sounds that fill pauses and carry no meaning, by language. Words that also mean something ("like", "so", "halt") are not in here. */
const fillers: Readonly<Record<string, readonly string[]>> = {
  en: ['uh', 'uhh', 'uhm', 'um', 'umm', 'er', 'erm', 'hm', 'hmm', 'mm', 'mmm', 'mhm', 'ah', 'eh'],
  de: ['äh', 'ähh', 'ähm', 'öh', 'öhm', 'hm', 'hmm', 'mhm', 'eh'],
  fr: ['euh', 'heu', 'hum', 'hm', 'hmm', 'ben'],
  es: ['eh', 'ehm', 'em', 'mm', 'hm', 'hmm'],
  it: ['ehm', 'eh', 'mh', 'hm', 'hmm'],
  nl: ['eh', 'ehm', 'uh', 'uhm', 'hm', 'hmm'],
  pt: ['hã', 'hum', 'hm', 'hmm', 'ahn'],
};

/** The list for a language such as `en-US`; empty for one that has no list, because a guess could take words away. */
export function fillersOf(language: string | null): ReadonlySet<string> {
  return new Set(fillers[(language ?? '').toLowerCase().split('-')[0] ?? ''] ?? []);
}
