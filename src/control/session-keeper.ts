import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { z } from 'zod';
import { sessionHash } from '../auth/session.ts';
import type { Records } from '../contracts/records.ts';
import { isOver } from '../contracts/session.ts';
import type { Session } from '../contracts/session.ts';
import type { PrimaryFacts } from './facts.ts';
import { Mirror } from './mirror.ts';

/** What a new session stands for; times in milliseconds. */
export interface NewSession extends Pick<Session, 'user' | 'consumer' | 'groups' | 'scopes' | 'idle'> {
  readonly lifetime: number;
}

/** Every worker holds all sessions: about 1 KB each. */
const MOST = 100_000;
const ID_BYTES = 32;

const stored = z.object({
  user: z.string().nullable(),
  consumer: z.string().nullable(),
  groups: z.array(z.string()),
  scopes: z.array(z.string()),
  expires: z.number(),
  idle: z.number(),
  seen: z.number(),
});

/** The sessions of this node, and with a shared store of all nodes. Knows only hashes of their ids. */
export class SessionKeeper {
  readonly #sessions: Mirror<'session', Session>;

  constructor(records: Records, facts: PrimaryFacts, log: Logger) {
    this.#sessions = new Mirror({
      kind: 'sessions',
      fact: 'session',
      toFact: (session) => session,
      read: (value) => stored.safeParse(value).data ?? null,
      records,
      facts,
      log,
    });
    facts.on('session-use', (hash, use) => {
      if (use !== null)
        this.#used(hash, use.at).catch(() => log.warn('the use of a session could not be noted'));
    });
  }

  load(): Promise<void> {
    return this.#sessions.load();
  }

  /** Makes a session; null when there are too many. The id is given once and not kept. */
  async begin({ lifetime, ...rest }: NewSession): Promise<{ id: string; session: Session } | null> {
    if (this.#sessions.size >= MOST) return null;
    const now = Date.now();
    const id = randomBytes(ID_BYTES).toString('base64url');
    const session: Session = { ...rest, expires: now + lifetime, seen: now };
    await this.#sessions.put(sessionHash(id), session, endOf(session));
    return { id, session };
  }

  /** Ends a session; false when there is none with this id. */
  async end(id: string): Promise<boolean> {
    const hash = sessionHash(id);
    const found = this.#sessions.get(hash);
    if (found === undefined) return false;
    await this.#sessions.remove(hash);
    return !isOver(found, Date.now());
  }

  async #used(hash: string, at: number): Promise<void> {
    const found = this.#sessions.get(hash);
    if (found === undefined || at <= found.seen || isOver(found, at)) return;
    const session = { ...found, seen: at };
    await this.#sessions.replace(hash, session, endOf(session));
  }
}

/** When it is over unless it is used before, in milliseconds since 1970. */
const endOf = ({ expires, idle, seen }: Session): number =>
  idle > 0 ? Math.min(expires, seen + idle) : expires;
