/** What programs say may have zero characters (UTF-16, binary output), which PostgreSQL's text cannot hold. As many characters as before. */
export function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}
