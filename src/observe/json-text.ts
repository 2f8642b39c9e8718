const PLAIN = /^[ !#-[\]-~]*$/;

/** Whether `text` can stand in a JSON string as it is: printable ASCII without quote and backslash. */
export const isPlainText = (text: string): boolean => PLAIN.test(text);

/**
 * `text` as the inside of a JSON string (RFC 8259 section 7) in printable ASCII only: one line, one byte a
 * character, nothing a terminal could act on. At most `max` characters come out; what is longer is cut
 * between two characters of the input. Half a surrogate pair becomes U+FFFD.
 */
export function jsonText(text: string, max: number): string {
  const bounded = text.length > max ? text.slice(0, max) : text;
  return isPlainText(bounded) ? bounded : escapeText(bounded, max);
}

function escapeText(text: string, max: number): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const piece = code < ASCII.length ? ASCII[code]! : escapeWide(text, i, code);
    if (out.length + piece.length > max) break;
    out += piece;
    if (piece.length === PAIR_LENGTH) i++;
  }
  return out;
}

const unit = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`;
const PAIR_LENGTH = 12;

const ASCII = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (isPlainText(character)) return character;
  return character === '"' || character === '\\' ? `\\${character}` : unit(code);
});

function escapeWide(text: string, i: number, code: number): string {
  if (code < 0xd800 || code > 0xdfff) return unit(code);
  const low = text.charCodeAt(i + 1);
  return code < 0xdc00 && low >= 0xdc00 && low <= 0xdfff ? unit(code) + unit(low) : unit(0xfffd);
}
