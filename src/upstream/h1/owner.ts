import type { Call } from './call.ts';
import type { H1Conn } from './conn.ts';

/** Who is told about the life of a connection: the pool. */
export interface Owner {
  /** Whether so much is under way that requests may wait for the end of the turn, to be written together. */
  readonly crowded: boolean;
  /** It can serve: it has just been opened and its request is gone, or a reply is complete. */
  freed(conn: H1Conn): void;
  /** It is closed. */
  lost(conn: H1Conn): void;
  /** It is closed, and these never had their turn: they are to go out again. `cut`: the upstream closed it on them. */
  unanswered(calls: readonly Call[], cut: boolean): void;
}
