import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Expected, skipLong, skipPrintable } from '../../src/lib/words.ts';

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

test('what is not printable is found at every place, whatever lies around it', () => {
  for (let byte = 0; byte < 256; byte++)
    for (let at = 0; at < 9; at++) {
      const bytes = new Uint8Array(12).fill(0x7e);
      bytes[at] = byte;
      // What is borrowed or carried comes from a byte that stands before.
      bytes[9] = 0xff;
      const printable = byte >= 0x20 && byte < 0x7f;
      expect(skipPrintable(viewOf(bytes), 0, 12), `${byte} at ${at}`).toBe(printable ? 9 : at);
      // The same behind sixteen bytes and two.
      const long = new Uint8Array(30).fill(0x20);
      long.set(bytes, 18);
      expect(skipLong(viewOf(long), 0, 30), `${byte} at ${18 + at}`).toBe(18 + (printable ? 9 : at));
    }
});

test('it is found as byte by byte, from anywhere to anywhere', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 60 });
  const mostlyText = bytes.map((each) => each.map((byte) => (byte % 9 === 0 ? byte : 0x20 + (byte % 95))));
  fc.assert(
    fc.property(fc.oneof(bytes, mostlyText), fc.nat(), fc.nat(), (all, a, b) => {
      const [at, end] = [a % (all.length + 1), b % (all.length + 1)].sort((x, y) => x - y) as [
        number,
        number,
      ];
      const other = all.subarray(at, end).findIndex((byte) => byte < 0x20 || byte > 0x7e);
      for (const skip of [skipPrintable, skipLong])
        expect(skip(viewOf(all), at, end)).toBe(other < 0 ? end : at + other);
    }),
  );
});

test('an expected text is found where it lies whole, and nowhere else', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '-', ':', ' '), minLength: 4, maxLength: 20 });
  fc.assert(
    fc.property(text, fc.nat(7), fc.nat(30), fc.nat(3), (wanted, at, changed, room) => {
      const bytes = Buffer.from(`${'x'.repeat(at)}${wanted}${'x'.repeat(room)}`, 'latin1');
      const expected = new Expected(wanted);
      expect(expected.isAt(viewOf(bytes), at, bytes.length)).toBe(true);
      expect(expected.isAt(viewOf(bytes), at, at + wanted.length)).toBe(true);
      expect(expected.isAt(viewOf(bytes), at, at + wanted.length - 1)).toBe(false);
      bytes[at + (changed % wanted.length)]! ^= 0x20;
      expect(expected.isAt(viewOf(bytes), at, bytes.length)).toBe(false);
    }),
  );
});

test('an expected text is not looked for beyond the end of memory, and one of three bytes never found', () => {
  const bytes = Buffer.from('te: x', 'latin1');
  expect(new Expected('te: xy').isAt(viewOf(bytes), 0, bytes.length)).toBe(false);
  expect(new Expected('te: ').isAt(viewOf(bytes), 3, bytes.length)).toBe(false);
  expect(new Expected('te:').isAt(viewOf(bytes), 0, bytes.length)).toBe(false);
});
