import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newUpload } from './creation.ts';
import { digestAlgorithms, digestLength, digestOfText, digestText } from './digest.ts';
import { HoldfastError } from './errors.ts';
import { safeFilename, splitExtension } from './filename.ts';
import { chunkCount } from './grid.ts';
import { checkLimits, chooseChunkSize, defaultLimits } from './limits.ts';

const wish = { id: 'u1', principal: 'p', protocol: 'native', filename: 'film.mp4', size: 10 };

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('sizes', () => {
  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1])(
    'a file of %s bytes is refused',
    (size) => {
      expect(codeOf(() => newUpload({ ...wish, size }, defaultLimits, 0))).toBe('invalid-size');
    },
  );

  test('one byte more than the limit is too large, the limit itself is taken', () => {
    expect(codeOf(() => newUpload({ ...wish, size: defaultLimits.fileBytesMax + 1 }, defaultLimits, 0))).toBe(
      'file-too-large',
    );
    expect(codeOf(() => newUpload({ ...wish, size: defaultLimits.fileBytesMax }, defaultLimits, 0))).toBe('accepted');
  });

  test('a chunk size is within the limits and gives at most chunksMax chunks', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: defaultLimits.fileBytesMax }),
        fc.option(fc.integer({ min: 1, max: 2 ** 40 }), { nil: undefined }),
        (size, wished) => {
          const chunkSize = chooseChunkSize(size, wished, defaultLimits);
          expect(chunkSize).toBeGreaterThanOrEqual(defaultLimits.chunkBytesMin);
          expect(chunkSize).toBeLessThanOrEqual(defaultLimits.chunkBytesMax);
          expect(chunkCount({ size, chunkSize })).toBeLessThanOrEqual(defaultLimits.chunksMax);
        },
      ),
    );
  });

  test.each([0, -5, 1.5])('a chunk size of %s is refused', (chunkSize) => {
    expect(codeOf(() => chooseChunkSize(10, chunkSize, defaultLimits))).toBe('invalid-size');
  });

  test('limits that contradict each other do not start', () => {
    expect(() => checkLimits({ ...defaultLimits, chunkBytesMin: defaultLimits.chunkBytesMax * 2 })).toThrow(
      /chunkBytesMin/,
    );
    expect(() => checkLimits({ ...defaultLimits, chunksMax: 10 })).toThrow(/fileBytesMax/);
    expect(() => checkLimits({ ...defaultLimits, bodyIdleMs: 0 })).toThrow(/bodyIdleMs/);
  });
});

describe('what a client says about its file', () => {
  test.each(['', 'x'.repeat(1025)])('a file name of unfit length is refused', (filename) => {
    expect(codeOf(() => newUpload({ ...wish, filename }, defaultLimits, 0))).toBe('invalid-request');
  });

  test.each([
    ['sha-256', 'abc'],
    ['sha-256', 'z'.repeat(64)],
    ['sha-256', 'a'.repeat(63)],
    ['md5', 'a'.repeat(64)],
    ['md5', ''],
    ['sha-512', 'a'.repeat(64)],
  ] as const)('the %s digest %j is refused', (algorithm, value) => {
    const expectedDigest = { algorithm, value };
    expect(codeOf(() => newUpload({ ...wish, expectedDigest }, defaultLimits, 0))).toBe('invalid-digest');
  });

  test('a digest survives the way through a store; a SHA-256 is written as it always was', () => {
    for (const algorithm of digestAlgorithms) {
      const digest = { algorithm, value: '5f'.repeat(digestLength(algorithm)) };
      expect(digestOfText(digestText(digest))).toEqual(digest);
    }
    expect(digestText({ algorithm: 'sha-256', value: 'ab' })).toBe('ab');
    expect(() => digestOfText('sha-3:00')).toThrow(/sha-3/);
  });

  test('upper-case digests and types with parameters are brought to one form', () => {
    const { upload } = newUpload(
      {
        ...wish,
        expectedDigest: { algorithm: 'sha-256', value: 'AB'.repeat(32) },
        contentType: 'Video/MP4; codecs="avc1"',
      },
      defaultLimits,
      0,
    );
    expect(upload.expectedDigest).toEqual({ algorithm: 'sha-256', value: 'ab'.repeat(32) });
    expect(upload.contentType).toBe('video/mp4');
  });

  test.each(['video', 'video/', 'a/b\r\nx: y', '../x'])('the content type %j is refused', (contentType) => {
    expect(codeOf(() => newUpload({ ...wish, contentType }, defaultLimits, 0))).toBe('invalid-request');
  });

  test('metadata is bounded', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'v']));
    for (const metadata of [many, { '': 'v' }, { k: 'v'.repeat(4097) }, { k: 'a\0b' }]) {
      expect(codeOf(() => newUpload({ ...wish, metadata }, defaultLimits, 0))).toBe('invalid-request');
    }
  });
});

describe('safe file names', () => {
  test.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\talk.mp4', 'talk.mp4'],
    ['.htaccess', 'htaccess'],
    ['a\u202Egpj.exe', 'agpj.exe'],
    ['a\nb\0c.mp4', 'abc.mp4'],
    ['CON', 'unnamed'],
    ['..', 'unnamed'],
    ['   ', 'unnamed'],
    ['Vorlesung Äquivalenz.mp4', 'Vorlesung Äquivalenz.mp4'],
    ['講義.mp4', '講義.mp4'],
  ])('%j becomes %j', (name, safe) => {
    expect(safeFilename(name)).toBe(safe);
  });

  test('any name becomes one that is short, not empty, and stays as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 400 }), (name) => {
        const safe = safeFilename(name);
        expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(200);
        expect(safe).not.toBe('');
        expect(safe).not.toMatch(/[/\\\p{Cc}]|^\./u);
        expect(safeFilename(safe)).toBe(safe);
      }),
    );
  });

  test('a long name keeps its extension', () => {
    expect(safeFilename(`${'ä'.repeat(300)}.mp4`)).toMatch(/ä\.mp4$/);
    expect(splitExtension('talk.final.mp4')).toEqual({ stem: 'talk.final', extension: '.mp4' });
    expect(splitExtension('README')).toEqual({ stem: 'README', extension: '' });
  });
});
