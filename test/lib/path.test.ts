import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalisePath, validQuery } from '../../src/lib/path.ts';

describe('normalisePath', () => {
  test.each([
    '/',
    '/a',
    '/a/',
    '//',
    '//a//b//',
    '/a.b',
    '/a./b',
    '/..a/b..',
    '/...',
    '/:x/*',
    "/!$&'()*+,;=:@",
    '/"<>^`{|}',
  ])('keeps %s', (path) => expect(normalisePath(path)).toBe(path));

  test.each([
    ['/%41%7a%30', '/Az0'],
    ['/%2D%2e%5F%7E', '/-._~'],
    ['/a%20b%C3%a9', '/a%20b%C3%a9'],
    ['/%252e%252e/a', '/%252e%252e/a'],
    ['/%3A%3f%23%25', '/%3A%3f%23%25'],
    ['/%01%7F%80', '/%01%7F%80'],
  ])('decodes the unreserved characters of %s and no others', (path, normal) =>
    expect(normalisePath(path)).toBe(normal),
  );

  test.each([
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/b/..', '/a/'],
    ['/a/b/.', '/a/b/'],
    ['/..', '/'],
    ['/../../a', '/a'],
    ['/a//../b', '/a/b'],
    ['/..//a', '//a'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/.%2e/b', '/b'],
    ['/%2e', '/'],
    ['/a/%2e%2e%2fb', null],
  ])('resolves %s to %s', (path, normal) => expect(normalisePath(path)).toBe(normal));

  test.each([
    ...[
      '',
      'a',
      '*',
      'http://h/',
      '?a',
      '/a b',
      '/a\tb',
      '/a\0',
      '/a\x7f',
      '/é',
      '/\ud800',
      '/a\\b',
      '/a#b',
      '/a?b',
    ],
    ...[
      '/%2f',
      '/%2F',
      '/%5c',
      '/%5C',
      '/%00',
      '/a%',
      '/a%4',
      '/%zz',
      '/%4g',
      '/%g4',
      '/%%41',
      '/% 41',
      '/%+1',
      '/%-1',
    ],
  ])('refuses %j', (path) => expect(normalisePath(path)).toBeNull());

  /** Pieces that meet in the ways that matter. */
  const piece = fc.constantFrom(
    '/',
    '/',
    '/',
    '.',
    '..',
    'a',
    'b',
    '%2e',
    '%2E',
    '%41',
    '%20',
    '%25',
    '%2',
    '%',
    '%2f',
    '~',
    '2e',
  );
  const anyPath = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);
  const accepted = anyPath.filter((path) => normalisePath(path) !== null);

  test('is idempotent', () => {
    fc.assert(
      fc.property(accepted, (path) => {
        const once = normalisePath(path)!;
        expect(normalisePath(once)).toBe(once);
      }),
      { numRuns: 5_000 },
    );
  });

  test('leaves no dot segment and nothing above the root', () => {
    fc.assert(
      fc.property(accepted, (path) => {
        const segments = normalisePath(path)!.split('/');
        expect(segments[0]).toBe('');
        expect(segments).not.toContain('.');
        expect(segments).not.toContain('..');
      }),
      { numRuns: 5_000 },
    );
  });

  test('agrees with the URL standard where only dots are escaped', () => {
    const dots = fc.constantFrom(
      '/',
      '/',
      '.',
      '..',
      'a',
      'b',
      '%2e',
      '%2E',
      '%20',
      '%c3',
      '~',
      ':',
      '*',
      '...',
    );
    fc.assert(
      fc.property(fc.array(dots, { maxLength: 14 }), (pieces) => {
        // Every dot escaped: Node 20's parser overlooks `/.` behind a segment like `.a`, but never `/%2e`.
        const path = `/${pieces.join('')}`;
        const { pathname } = new URL(`http://h${path.replaceAll('.', '%2e')}`);
        const url = pathname.replace(/%2e/gi, '.');
        expect(normalisePath(path)).toBe(url);
      }),
      { numRuns: 5_000 },
    );
  });

  test('accepts or refuses any text, and what it accepts can be sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        expect(normalisePath(`/${text}`) ?? '/').toMatch(/^\/[!-"$->@-[\]-~]*$/);
      }),
      { numRuns: 5_000 },
    );
  });

  test('takes time linear in the length', () => {
    for (const unit of ['/..', '/a/..', '/%2e%2e', '%41', '%20', '//', '/.', 'a/']) {
      const path = `/${unit.repeat(1_000_000 / unit.length)}`;
      const start = performance.now();
      expect(normalisePath(path)).not.toBeNull();
      expect(performance.now() - start).toBeLessThan(2_000);
    }
  });
});

test('validQuery refuses what cannot be forwarded', () => {
  for (const query of ['', 'a=b&c', 'a=%zz', '?/\\\'"<>[]{}|^`~', '%00'])
    expect(validQuery(query)).toBe(true);
  for (const query of ['a b', 'a\tb', 'a\r\nb', '\0', '\x7f', 'é', 'a#b', '\u{1f600}'])
    expect(validQuery(query)).toBe(false);
});
