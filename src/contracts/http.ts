import type { FaultCode } from './fault.ts';

/**
 * Header fields as a flat list `[name, value, name, value, …]`: wire order and repeats kept, names
 * lower-case. A list beats a Map here: it is built once, walked once, and loses nothing.
 */
export type Headers = string[];

/** What an upstream is asked. Written to the wire by exactly one place per protocol (`upstream/h1/write.ts`). */
export interface RequestHead {
  readonly method: string;
  /** Origin-form target: normalised path plus `?query` when there is one. */
  readonly target: string;
  /** Value of the Host field to send. */
  readonly host: string;
  /** The client's end-to-end fields, `\r\nname: value` each; framing and hop-by-hop names are never among them. */
  readonly lines: string;
  /** The gateway's own fields (forwarding, identity, trace), sent after the client's: checked lines `name: value\r\n…`. */
  readonly added: string;
  /** Body length in bytes; 0 = no body, -1 = unknown (sent chunked). */
  readonly length: number;
  /** Whether a `Content-Length: 0` must be written although there is no body (POST, PUT, PATCH of length 0). */
  readonly explicitZero: boolean;
}

/** Where a block of bytes lies: `bytes[from..to)`. A view of it would cost a tenth of a microsecond. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/**
 * The head of the answer to the client. It keeps the upstream's checked bytes; a list is built only
 * when a policy reads or changes a field (`lib/reply-head.ts`).
 */
export interface ReplyHead {
  readonly status: number;
  /** Body length in bytes as announced; -1 = unknown. For HEAD and 304: what GET would have sent. */
  readonly length: number;
  /**
   * The end-to-end fields as one checked block `name: value\r\n…` (each line ended, no blank line), without
   * Content-Length, Transfer-Encoding, Connection and Date, which only an edge writes. Valid until
   * the call that handed over the head returns: it may lie in a buffer that the next read overwrites.
   */
  block(): Block;
  /** As `block`, but for `lines`: those stay apart, for who writes them behind it. */
  apart(): Block;
  /** What `Reply.opening` was, as long as the block is that of the reply: ask after `apart`. Else null. */
  readonly opening: Uint8Array | null;
  /** What `replace` put in, as long as it is not in the block. ASCII. */
  readonly lines: string;
  /** Copies the bytes, so that the head may be used after that call. */
  keep(): void;
  /** As `keep`, into `memory` from `at` on, `lines` behind the block; there must be room for both. Answers where the block ends there. */
  keepAt(memory: Buffer, at: number): number;
  /** First value of a field; `name` in lower case. */
  get(name: string): string | undefined;
  /** Replaces every field of that name. A value that could not be sent as it is (CR, LF, NUL) throws. */
  set(name: string, value: string): void;
  /** Adds one more field of that name. */
  add(name: string, value: string): void;
  remove(name: string): void;
  /**
   * Puts `lines` in the place of every field of those names (lower case), in one pass over the fields.
   * @param lines `name: value\r\n…` of the gateway's own making, in ASCII: they are not checked.
   */
  replace(names: readonly string[], lines: string): void;
}

/** An answer that the gateway gives by itself. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array | null;
  /** The failure that this reply tells of, for the log. */
  readonly fault?: FaultCode;
  /** `headers` already encoded, for replies that are made once and given often. */
  readonly block?: Uint8Array;
  /** Status line without version, and `block` behind it; the last CRLF is not there. For who can write both in one call. */
  readonly opening?: Uint8Array;
}

/** Who is calling, as the authenticator that accepted the caller saw it. Made by `lib/identity.ts`. */
export interface Identity {
  /** Id of a configured consumer. */
  readonly consumer: string | null;
  /** `sub` of a token, name of a user. */
  readonly user: string | null;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  /** Id of the API key that was used. */
  readonly keyId: string | null;
  /** `jti` of the token that was used. */
  readonly tokenId: string | null;
  /** Fields for the upstream beyond `X-Consumer-Id` and `X-User-Id`, lower-case names. */
  readonly claims: Headers;
  /** All fields that tell the upstream who calls, as checked lines `name: value\r\n…`. */
  readonly fields: string;
}
