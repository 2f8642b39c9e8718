import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlockHead, decodeBlock, encodeBlock, encodeOpening } from '../../src/lib/reply-head.ts';
import { blockText } from '../support/block.ts';

const BLOCK = 'Content-Type: text/plain\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Empty:\r\n';
/** In the midst of other bytes, as in the buffer of a read. */
const headOf = (text = BLOCK) =>
  new BlockHead(
    200,
    5,
    Buffer.from(`set-cookie: z\r\n${text}missing: x\r\nx-empty: y`, 'latin1'),
    15,
    15 + text.length,
  );
const textOf = (head: BlockHead) => blockText(head.block());

describe('a head over bytes', () => {
  test('gives the bytes back as they came, also after it was read', () => {
    const head = headOf();
    const { bytes } = head.block();
    expect(head.get('set-cookie')).toBe('a=1');
    expect(head.get('x-empty')).toBe('');
    expect(head.get('missing')).toBeUndefined();
    head.remove('missing');
    expect(textOf(head)).toBe(BLOCK);
    expect(head.block().bytes).toBe(bytes);
  });

  test('replace takes out all of several names and adds lines', () => {
    const head = headOf();
    head.add('x-new', '1');
    head.replace(['set-cookie', 'x-empty'], 'x-empty: 2\r\n');
    expect(textOf(head)).toBe('Content-Type: text/plain\r\nx-new: 1\r\nx-empty: 2\r\n');
    head.replace(['missing'], 'a: 1\r\n');
    expect(textOf(head)).toMatch(/x-empty: 2\r\na: 1\r\n$/);
  });

  test('lines put in by replace stand apart until the block is asked for, other fields do not', () => {
    const head = headOf();
    head.replace(['x-empty'], 'a: 1\r\nb: 2\r\n');
    head.add('c', '3');
    const { bytes, from, to } = head.apart();
    expect(Buffer.from(bytes.subarray(from, to)).toString('latin1')).toMatch(/\r\nc: 3\r\n$/);
    expect(head.lines).toBe('a: 1\r\nb: 2\r\n');
    expect(head.get('b')).toBe('2');
    expect(head.lines).toBe('');
    expect(textOf(head)).toMatch(/\r\nc: 3\r\na: 1\r\nb: 2\r\n$/);
  });

  test('set replaces all of a name, add keeps them, remove takes them; other lines stay as they came', () => {
    const head = headOf();
    head.set('set-cookie', 'c=3');
    expect(textOf(head)).toBe('Content-Type: text/plain\r\nX-Empty:\r\nset-cookie: c=3\r\n');
    head.add('set-cookie', 'd=4');
    expect(head.get('set-cookie')).toBe('c=3');
    expect(textOf(head)).toMatch(/X-Empty:\r\nset-cookie: c=3\r\nset-cookie: d=4\r\n$/);
    head.remove('set-cookie');
    expect(textOf(head)).toBe('Content-Type: text/plain\r\nX-Empty:\r\n');
    expect(head.get('set-cookie')).toBeUndefined();
  });

  test('a change never touches the bytes that were given: they may serve other replies', () => {
    const bytes = new Uint8Array(Buffer.from(BLOCK, 'latin1'));
    const head = new BlockHead(200, 5, bytes);
    head.remove('content-type');
    head.set('x-empty', 'full');
    head.block();
    expect(Buffer.from(bytes).toString('latin1')).toBe(BLOCK);
  });

  test('a name is found as a whole, at the start of a line', () => {
    const head = headOf('X-Name-Long: 1\r\nOther: x-name: 2\r\nMy-X-Name: 3\r\nX-NAME: 4\r\n');
    expect(head.get('x-name')).toBe('4');
    head.remove('x-name');
    expect(textOf(head)).toBe('X-Name-Long: 1\r\nOther: x-name: 2\r\nMy-X-Name: 3\r\n');
  });

  test('a kept head does not feel what happens to the buffer', () => {
    const bytes = new Uint8Array(Buffer.from(BLOCK, 'latin1'));
    const head = new BlockHead(200, 5, bytes);
    head.keep();
    bytes.fill(0);
    expect(textOf(head)).toBe(BLOCK);
  });

  test('a head kept in other memory is one block there, lines that stood apart included', () => {
    const bytes = new Uint8Array(Buffer.from(BLOCK, 'latin1'));
    const head = new BlockHead(200, 5, bytes);
    head.replace(['ratelimit'], 'ratelimit: "a";r=1\r\n');
    const memory = Buffer.alloc(1_000, 'x');
    const end = head.keepAt(memory, 7);
    bytes.fill(0);
    expect(memory.toString('latin1', 7, end)).toBe(`${BLOCK}ratelimit: "a";r=1\r\n`);
    expect(memory[end]).toBe('x'.charCodeAt(0));
    expect([textOf(head), head.lines, head.get('ratelimit')]).toEqual([
      `${BLOCK}ratelimit: "a";r=1\r\n`,
      '',
      '"a";r=1',
    ]);
  });

  test('what would break out of its line is refused, and changes nothing', () => {
    const head = headOf();
    for (const value of ['a\r\nb: c', 'a\nb', 'a\rb', 'a\0b']) {
      expect(() => head.set('x', value)).toThrow('cannot be sent');
      expect(() => head.add('x', value)).toThrow('cannot be sent');
    }
    expect(() => head.set('x: y', 'z')).toThrow('cannot be sent');
    expect(() => head.add('', 'z')).toThrow('cannot be sent');
    expect(textOf(head)).toBe(BLOCK);
  });

  test('an upstream’s bytes beyond ASCII survive a change elsewhere', () => {
    const head = headOf('X-Text: caf\xc3\xa9 \xff\r\n');
    head.set('y', 'z');
    expect(textOf(head)).toBe('X-Text: caf\xc3\xa9 \xff\r\ny: z\r\n');
  });
});

test('lists survive encoding', () => {
  const value = fc
    .string({ unit: fc.constantFrom('a', ':', ' ', ',', '\xe9', '"') })
    .map((text) => text.trim());
  const field = fc.tuple(fc.constantFrom('a', 'x-b', 'set-cookie'), value);
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      expect(decodeBlock(new BlockHead(200, 0, encodeBlock(fields.flat())).block())).toEqual(fields.flat());
      const head = new BlockHead(200, 0, new Uint8Array(0));
      for (const [name, each] of fields) head.add(name, each);
      expect(decodeBlock(head.block())).toEqual(fields.flat());
      for (const [name] of fields) expect(head.get(name)).toBe(fields.find(([other]) => other === name)?.[1]);
    }),
  );
});

test('text beyond latin1 goes out as UTF-8', () => {
  expect(Buffer.from(encodeBlock(['a', '€'])).toString('utf8')).toBe('a: €\r\n');
});

describe('what was made beforehand of a status and a block', () => {
  const bytes = new Uint8Array(Buffer.from('x-a: 1\r\nx-b: 2\r\n', 'latin1'));
  const opened = () => {
    const head = new BlockHead(201, 0, bytes);
    head.opening = encodeOpening(201, bytes);
    return head;
  };

  test('is both as they are sent', () => {
    expect(Buffer.from(opened().opening!).toString('latin1')).toBe('201 Created\r\nx-a: 1\r\nx-b: 2');
    expect(Buffer.from(encodeOpening(204, new Uint8Array(0))).toString('latin1')).toBe('204 No Content');
  });

  test('holds as long as no field has changed', () => {
    const changes: readonly ((head: BlockHead) => void)[] = [
      (head) => head.set('x-a', '2'),
      (head) => head.add('x-c', '3'),
      (head) => head.remove('x-b'),
      (head) => head.replace(['x-a'], 'x-d: 4\r\n'),
    ];
    for (const change of changes) {
      const head = opened();
      change(head);
      head.apart();
      expect(head.opening).toBeNull();
    }
    const head = opened();
    head.remove('x-c');
    head.replace(['x-c'], 'x-d: 4\r\n');
    head.apart();
    expect([head.opening === null, head.lines]).toEqual([false, 'x-d: 4\r\n']);
    head.block();
    expect(head.opening).toBeNull();
  });
});
