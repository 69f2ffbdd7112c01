/** Names for colours that people use. Pure. */
export const colourNames = [
  'black',
  'grey',
  'white',
  'red',
  'orange',
  'brown',
  'yellow',
  'green',
  'cyan',
  'blue',
  'purple',
  'pink',
] as const;
export type ColourName = (typeof colourNames)[number];

/** Upper ends of hue ranges in degrees, with the index of their name. */
const hues: readonly (readonly [number, ColourName])[] = [
  [15, 'red'],
  [42, 'orange'],
  [70, 'yellow'],
  [165, 'green'],
  [200, 'cyan'],
  [262, 'blue'],
  [292, 'purple'],
  [335, 'pink'],
  [360, 'red'],
];

const black = colourNames.indexOf('black');
const grey = colourNames.indexOf('grey');
const white = colourNames.indexOf('white');
const orange = colourNames.indexOf('orange');
const brown = colourNames.indexOf('brown');
/** Index of the name for each hue of 0 … 179 (steps of two degrees); looked up for millions of pixels. */
const byHue = Uint8Array.from({ length: 180 }, (_, half) =>
  colourNames.indexOf(hues.find(([end]) => half * 2 < end)?.[1] ?? 'red'),
);

/** Index into `colourNames`. Hue 0 … 179, saturation and value 0 … 255. Dark and pale colours count as black, grey and white. */
export function colourIndex(hue: number, saturation: number, value: number): number {
  if (value < 46) return black;
  if (saturation < 38) return value > 215 ? white : grey;
  const name = byHue[hue] ?? 0;
  return name === orange && value < 150 ? brown : name;
}

/** `#rrggbb` of channel values 0 … 255. */
export function hexColour(red: number, green: number, blue: number): string {
  const hex = (value: number) =>
    Math.max(0, Math.min(255, Math.round(value)))
      .toString(16)
      .padStart(2, '0');
  return `#${hex(red)}${hex(green)}${hex(blue)}`;
}
