/**
 * The same text in one piece. V8 keeps a sum of texts as the parts it was made of and walks them whenever it is written: a
 * text that many others will contain is worth a copy.
 *
 * @param text ASCII.
 */
export const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
