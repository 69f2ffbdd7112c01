/** Just as much XML as S3 speaks. */
export type Xml = string | number | boolean | Date | readonly Xml[] | { readonly [name: string]: Xml };

/** A list becomes one element for each of its items. */
export function xml(root: string, content: Xml): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, content)}`;
}

function element(name: string, content: Xml): string {
  if (Array.isArray(content)) return content.map((one) => element(name, one)).join('');
  if (content instanceof Date) return `<${name}>${content.toISOString()}</${name}>`;
  if (typeof content === 'object')
    return `<${name}>${Object.entries(content)
      .map(([key, value]) => element(key, value))
      .join('')}</${name}>`;
  return `<${name}>${String(content).replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`)}</${name}>`;
}

/** Texts of the elements of that name, in order. */
export function texts(document: string, name: string): string[] {
  return [...document.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) =>
    text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'),
  );
}
