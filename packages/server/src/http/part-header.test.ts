/** Names of the parts of a form, as clients write them. */
import { expect, test } from 'vitest';
import { partName } from './part-header.ts';

test.each([
  ['Content-Disposition: form-data; name="chunk"; filename="blob"', 'chunk'],
  ['content-disposition:form-data;name=chunk', 'chunk'],
  ['Content-Type: text/plain\r\nContent-Disposition: form-data; name="año"', 'año'],
  ['Content-Disposition: form-data; filename="x; name=\\"upload_id\\""; name="chunk"', 'chunk'],
  ['Content-Disposition: form-data; filename="; name=upload_id"; name="chunk"', 'chunk'],
  ['Content-Disposition: form-data; name="a\\"b"', 'a"b'],
  ['Content-Disposition: form-data; filename="; name=upload_id"', null],
  ['Content-Disposition: form-data; name=""', null],
  ['Content-Disposition: form-data; x="y"', null],
  ['Content-Disposition: form-data', null],
  ['Content-Disposition: attachment; name="chunk"', null],
  ['Content-Type: text/plain', null],
  ['', null],
])('%j', (headers, name) => {
  expect(partName(Buffer.from(headers))).toBe(name);
});
