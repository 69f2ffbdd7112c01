/** A file's name before the eyes of people. Pure. */

/**
 * Characters that are not seen and make a name look like another one: `invoice\u202Efdp.exe` reads as `invoiceexe.pdf`. The joiners
 * U+200C and U+200D are not among them: Persian, the languages of India and emoji are written with them.
 */
const deceptive =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb]/gu;

/** As it is shown: what would not be seen is. Where it stands among other words it wants a `<bdi>` around it as well. */
export function shownName(name: string): string {
  return name.replace(deceptive, '\ufffd');
}
