import type { Headers, ReplyHead } from '../contracts/http.ts';
import { getField, isFieldValue, isToken, removeField, setField } from './fields.ts';

/**
 * A reply head over checked bytes. As long as no policy looks at the fields, they stay bytes: the edge
 * writes the upstream's block as it came. The first read or change turns the block into a list, once.
 */
export class BlockHead implements ReplyHead {
  status: number;
  readonly length: number;
  #block: Uint8Array;
  #list: Headers | null = null;
  #changed = false;

  constructor(status: number, length: number, block: Uint8Array) {
    this.status = status;
    this.length = length;
    this.#block = block;
  }

  /** A head from a flat list. The list is taken over; its fields must already be checked. */
  static fromList(status: number, length: number, list: Headers): BlockHead {
    const head = new BlockHead(status, length, NO_BYTES);
    head.#list = list;
    head.#changed = true;
    return head;
  }

  block(): Uint8Array {
    if (this.#changed) {
      this.#block = encodeBlock(this.#list!);
      this.#changed = false;
    }
    return this.#block;
  }

  keep(): void {
    this.#block = this.block().slice();
  }

  get(name: string): string | undefined {
    return getField(this.#fields(), name);
  }

  set(name: string, value: string): void {
    check(name, value);
    setField(this.#fields(), name, value);
    this.#changed = true;
  }

  add(name: string, value: string): void {
    check(name, value);
    this.#fields().push(name, value);
    this.#changed = true;
  }

  remove(name: string): void {
    if (this.get(name) === undefined) return;
    removeField(this.#fields(), name);
    this.#changed = true;
  }

  #fields(): Headers {
    return (this.#list ??= decodeBlock(this.#block));
  }
}

const NO_BYTES = new Uint8Array(0);

function check(name: string, value: string): void {
  if (!isToken(name) || !isFieldValue(value))
    throw new Error(`reply field ${JSON.stringify(name)} cannot be sent`);
}

/** `name: value\r\n…` as bytes. Values are byte strings (latin1); text beyond it goes out as UTF-8. */
export function encodeBlock(list: Headers): Uint8Array {
  let text = '';
  for (let i = 0; i < list.length; i += 2) text += `${list[i]!}: ${list[i + 1]!}\r\n`;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return Buffer.from(text, 'utf8');
  return Buffer.from(text, 'latin1');
}

/** The fields of a checked block, names in lower case, values as byte strings (latin1). */
export function decodeBlock(block: Uint8Array): Headers {
  const text = Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString('latin1');
  const list: Headers = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    list.push(text.slice(at, colon).toLowerCase(), text.slice(colon + 1, end).trim());
    at = end + 2;
  }
  return list;
}
