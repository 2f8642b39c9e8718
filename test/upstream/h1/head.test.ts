import { expect, test } from 'vitest';
import { BAD } from '../../../src/upstream/h1/bytes.ts';
import { HeadParser } from '../../../src/upstream/h1/head.ts';
import { ReplyReader } from '../../../src/upstream/h1/parse.ts';
import { blockText } from '../../support/block.ts';

/** Whether a reply with this value (bytes as latin1 text) is taken with so many bytes before the head. */
function accepted(value: string, offset: number): boolean {
  const text = `${'x'.repeat(offset)}HTTP/1.1 200 OK\r\nname: ${value}\r\n\r\n`;
  const bytes = Buffer.allocUnsafeSlow(text.length + 8).fill('y');
  bytes.write(text, 'latin1');
  const parser = new HeadParser();
  parser.begin(offset);
  const next = parser.parse(bytes, text.length);
  if (next === BAD) return false;
  expect(next).toBe(text.length);
  expect(bytes.toString('latin1', parser.blockStart, parser.blockEnd)).toBe(`name: ${value}\r\n`);
  return true;
}

test('every byte at every place of a value is taken or refused as RFC 9110 section 5.5 says', () => {
  for (let byte = 0; byte < 256; byte++) {
    // CR and LF end a line, which other tests are about.
    if (byte === 10 || byte === 13) continue;
    const allowed = byte === 9 || (byte >= 32 && byte !== 127);
    for (let place = 0; place < 13; place++) {
      const value = 'a'.repeat(place) + String.fromCharCode(byte) + 'b'.repeat(12 - place);
      expect(accepted(value, place % 4), `byte ${byte} at ${place}`).toBe(allowed);
    }
  }
});

test.each(['ratelimit', 'RateLimit', 'RATELIMIT'])(
  'what the upstream wrote as %s gives way to ours',
  (name) => {
    const text = `HTTP/1.1 200 OK\r\nDate: x\r\n${name}: theirs\r\nAge: 1\r\ncontent-length: 0\r\n\r\n`;
    // In one read, and in two that part the name.
    for (const cut of [text.length, text.indexOf(name) + 3]) {
      const reader = new ReplyReader();
      reader.expect(false);
      const buffer = Buffer.alloc(65_536);
      for (const piece of [text.slice(0, cut), text.slice(cut)])
        if (piece !== '') reader.feed(buffer, buffer.write(piece, 'latin1'));
      const head = reader.head!;
      head.replace(['ratelimit-policy', 'ratelimit'], 'ratelimit: ours\r\n');
      expect(blockText(head.block())).toBe('Age: 1\r\nratelimit: ours\r\n');
      head.replace(['ratelimit'], 'ratelimit: again\r\n');
      expect(blockText(head.block())).toBe('Age: 1\r\nratelimit: again\r\n');
    }
  },
);
