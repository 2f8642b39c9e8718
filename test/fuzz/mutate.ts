import fc from 'fast-check';

/** A change to a message; positions are taken modulo what is there. */
export type Mutation = (bytes: Buffer) => Buffer;

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const splice = (bytes: Buffer, at: number, remove: number, put: Buffer | string): Buffer =>
  Buffer.concat([
    bytes.subarray(0, at),
    typeof put === 'string' ? bytesOf(put) : put,
    bytes.subarray(at + remove),
  ]);

const ODD_BYTES = '\0\x01\t\n\x0b\r "#%+,-./09:;=@\\_axX\x7f\x80\xa0\xc3\xe9\xff';

/** What parsers have stumbled over before. */
const PIECES = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    '\n\n',
    '\r\r\n',
    '\0',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    ': x\r\n',
    ' folded\r\n',
  ],
  ...['Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'content-length:\r\n', 'Content-Length: 5, 5\r\n'],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: identity\r\n',
    'Transfer-Encoding: x, chunked\r\n',
  ],
  ...['Transfer-Encoding : chunked\r\n', 'Transfer_Encoding: chunked\r\n', 'Connection: close\r\n'],
  ...['Connection: keep-alive, x-a\r\n', 'Expect: 100-continue\r\n', 'Host: other\r\n', 'Upgrade: h2c\r\n'],
  ...['0\r\n\r\n', '5\r\nhello\r\n', '0\r\nX: y\r\n\r\n', '0;a=b\r\n', ';a=b', ';', '\r\n0\r\nX:'],
  ...[
    'GET /smuggled HTTP/1.1\r\nHost: fuzz\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1',
  ],
  ...[
    '%00',
    '%2f',
    '%',
    '/../',
    '//',
    '?',
    '#',
    'X_Forwarded_For: 1.2.3.4\r\n',
    'X-Forwarded-For: 1.2.3.4\r\n',
  ],
];

const NUMBERS = [
  ...[
    '',
    '0',
    '1',
    '2',
    '4',
    '6',
    '00005',
    '-1',
    '-5',
    '+5',
    '0x5',
    '5.0',
    '5e0',
    '5,5',
    '5 5',
    'a',
    'F',
    'g',
  ],
  ...['65536', '2147483648', '4294967296', '4294967301', '9007199254740993', '18446744073709551616'],
  ...['ffffffff', 'fffffffffffffff', '10000000000000005', '9'.repeat(30)],
];

const LINE_ENDS = ['\n', '\r', '', '\r\r\n', ' \r\n', '\n\r', '\r\n\r\n', '\r\n ', '\0\r\n'];

const at = fc.nat(65_535);
const pick = (from: string | readonly string[]) => fc.constantFrom(...from);
/** The `n`th match of a pattern, counted modulo all of them. */
function nth(bytes: Buffer, pattern: RegExp, n: number): { from: number; length: number } | null {
  const all = [...bytes.toString('latin1').matchAll(pattern)];
  const found = all[n % Math.max(1, all.length)];
  return found === undefined ? null : { from: found.index, length: found[0].length };
}

const replaceNth =
  (pattern: RegExp, n: number, put: string): Mutation =>
  (bytes) => {
    const found = nth(bytes, pattern, n);
    return found === null ? bytes : splice(bytes, found.from, found.length, put);
  };

const LINE = /[^\n]*\n|[^\n]+$/g;

const changeByte = fc
  .tuple(
    at,
    fc.oneof(
      pick(ODD_BYTES).map((char) => char.charCodeAt(0)),
      fc.nat(255),
    ),
  )
  .map(
    ([where, byte]): Mutation =>
      (bytes) =>
        splice(bytes, where % bytes.length, 1, Buffer.from([byte])),
  );
const flipBit = fc.tuple(at, fc.nat(7)).map(([where, bit]): Mutation => (bytes) => {
  const changed = Buffer.from(bytes);
  changed[where % bytes.length]! ^= 1 << bit;
  return changed;
});
const insert = fc.tuple(at, fc.oneof(pick(PIECES), pick(ODD_BYTES))).map(
  ([where, put]): Mutation =>
    (bytes) =>
      splice(bytes, where % (bytes.length + 1), 0, put),
);
const insertLine = fc.tuple(at, pick(PIECES)).map(([n, put]): Mutation => (bytes) => {
  const line = nth(bytes, LINE, n);
  return splice(bytes, line?.from ?? 0, 0, put);
});
const remove = fc.tuple(at, fc.integer({ min: 1, max: 8 })).map(
  ([where, length]): Mutation =>
    (bytes) =>
      splice(bytes, where % bytes.length, length, ''),
);
const repeat = fc
  .tuple(at, fc.integer({ min: 1, max: 60 }), at)
  .map(([from, length, to]): Mutation => (bytes) => {
    const start = from % bytes.length;
    return splice(bytes, to % (bytes.length + 1), 0, bytes.subarray(start, start + length));
  });
const swapBytes = fc.tuple(at, at).map(([a, b]): Mutation => (bytes) => {
  const changed = Buffer.from(bytes);
  changed[a % bytes.length] = bytes[b % bytes.length]!;
  changed[b % bytes.length] = bytes[a % bytes.length]!;
  return changed;
});
const lines = fc.tuple(at, at, pick(['drop', 'repeat', 'swap'])).map(([a, b, how]): Mutation => (bytes) => {
  const all = bytes.toString('latin1').match(LINE) ?? [];
  const one = a % Math.max(1, all.length);
  const other = b % Math.max(1, all.length);
  const line = all[one] ?? '';
  if (how === 'drop') all.splice(one, 1);
  else if (how === 'repeat') all.splice(other, 0, line);
  else [all[one], all[other]] = [all[other] ?? '', line];
  return bytesOf(all.join(''));
});
const lineEnd = fc.tuple(at, pick(LINE_ENDS)).map(([n, end]) => replaceNth(/\r\n/g, n, end));
const number = fc.tuple(at, pick(NUMBERS)).map(([n, value]) => replaceNth(/\d+/g, n, value));
const fieldName = fc
  .tuple(at, pick(['_', ' ', '\t', '\xe9', '\0', ':', '-', ' :', '\r\n']))
  .map(([n, odd]): Mutation => (bytes) => {
    const name = nth(bytes, /(?<=\n)[^:\n]+(?=:)/g, n);
    return name === null ? bytes : splice(bytes, name.from + (n % (name.length + 1)), n % 2, odd);
  });
const letterCase = fc.tuple(at, fc.boolean()).map(([n, upper]): Mutation => (bytes) => {
  const found = nth(bytes, /[A-Za-z]{3,}/g, n);
  if (found === null) return bytes;
  const text = bytes.toString('latin1', found.from, found.from + found.length);
  return splice(bytes, found.from, found.length, upper ? text.toUpperCase() : text.toLowerCase());
});
const truncate = at.map(
  (where): Mutation =>
    (bytes) =>
      bytes.subarray(0, where % (bytes.length + 1)),
);
const pad = fc.tuple(at, fc.integer({ min: 500, max: 20_000 })).map(
  ([where, length]): Mutation =>
    (bytes) =>
      splice(bytes, where % bytes.length, 0, 'x'.repeat(length)),
);

const mutation = fc.oneof(
  { weight: 4, arbitrary: changeByte },
  { weight: 2, arbitrary: flipBit },
  { weight: 5, arbitrary: insert },
  { weight: 4, arbitrary: insertLine },
  { weight: 3, arbitrary: remove },
  { weight: 2, arbitrary: repeat },
  { weight: 1, arbitrary: swapBytes },
  { weight: 4, arbitrary: lines },
  { weight: 5, arbitrary: lineEnd },
  { weight: 5, arbitrary: number },
  { weight: 3, arbitrary: fieldName },
  { weight: 1, arbitrary: letterCase },
  { weight: 2, arbitrary: truncate },
  { weight: 1, arbitrary: pad },
);

/** One of the messages with up to four changes. */
export const mutated = (corpus: readonly string[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.constantFrom(...corpus), fc.array(mutation, { maxLength: 4, size: 'max' }))
    .map(([text, changes]) =>
      changes.reduce((bytes, change) => (bytes.length === 0 ? bytes : change(bytes)), bytesOf(text)),
    );

/** Places to cut a message at. */
export const cuts = fc.array(at, { maxLength: 5 });

/** The bytes in pieces, none of them empty. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  if (bytes.length === 0) return [];
  const edges = [...new Set([0, ...places.map((place) => place % bytes.length), bytes.length])];
  edges.sort((a, b) => a - b);
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
}
