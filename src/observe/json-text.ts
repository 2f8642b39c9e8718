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
  for (const character of text) {
    const piece = escapeOne(character);
    if (out.length + piece.length > max) break;
    out += piece;
  }
  return out;
}

function escapeOne(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  if (isPlainText(character)) return character;
  if (character.length === 2) return unit(character.charCodeAt(0)) + unit(character.charCodeAt(1));
  const code = character.charCodeAt(0);
  return unit(code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
}

const unit = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`;
