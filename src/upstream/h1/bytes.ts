/** Byte classes and constants that the reply parsers share. */

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const SPACE = 32;
export const COMMA = 44;
export const COLON = 58;
export const SEMICOLON = 59;

/** What an incremental parser answers instead of an offset: more bytes are needed. */
export const INCOMPLETE = -1;
/** What an incremental parser answers instead of an offset: the bytes break the protocol. */
export const BAD = -2;

const table = (holds: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0));

/** 1 for bytes of a token (RFC 9110 section 5.6.2), the only bytes a field name may have. */
export const TOKEN = table((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)));

/** 1 for bytes of a field value (RFC 9110 section 5.5): no controls but tab; 0x80 to 0xff are opaque text. */
export const VALUE = table((byte) => byte === TAB || (byte >= SPACE && byte !== 0x7f));

/** Whether `bytes[at..end)` is `lower` in any case; `lower` holds lower-case letters, digits and dashes only. */
export function isWord(bytes: Uint8Array, at: number, end: number, lower: Uint8Array): boolean {
  if (end - at !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[at + i]!;
    const want = lower[i]!;
    if (byte !== want && (byte > 0x5a || byte < 0x41 || byte + 32 !== want)) return false;
  }
  return true;
}

/** ASCII text as bytes. */
export const word = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
