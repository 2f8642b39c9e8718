/** A session as the node holds it: under the hash of its id, never under the id. Times in milliseconds since 1970. */
export interface Session {
  readonly user: string | null;
  /** Id of the consumer whose groups count too; gone consumer, gone session. */
  readonly consumer: string | null;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  /** When it ends, however busy it is. */
  readonly expires: number;
  /** How long it may be idle; 0 = as long as it lives. */
  readonly idle: number;
  /** Last use that is known. */
  readonly seen: number;
}

/** The sessions that this process knows of. */
export interface Sessions {
  /** The live session with that hash of its id; counts as a use of it. */
  find(hash: string, now: number): Session | undefined;
}

/** How far the known last use may lag behind, as a share of the idle time. */
export const IDLE_GRAIN = 0.1;

/** Whether a session is over. */
export const isOver = ({ expires, idle, seen }: Session, now: number): boolean =>
  now >= expires || (idle > 0 && now >= seen + idle);

/** What is revoked before its time: a token by its id, all of a user, or an API key. */
export type RevocationKind = 'jti' | 'sub' | 'key';

/** The revocations that this process knows of. */
export interface Revocations {
  /** Whether the store was read: before that, who is revoked or ended is not known. Stays true. */
  readonly complete: boolean;
  has(kind: RevocationKind, id: string): boolean;
}
