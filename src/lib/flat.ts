/**
 * The same text in one piece. V8 keeps a sum of texts as the parts it was made of and walks them whenever it is written: a
 * text that many others will contain is worth a copy. By way of UTF-8, so that no character becomes another one: of
 * U+010A, latin1 would make a line feed. Half a surrogate pair becomes U+FFFD, as on the wire.
 */
export const flat = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');
