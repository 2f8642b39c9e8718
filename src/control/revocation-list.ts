import type { Logger } from 'pino';
import { z } from 'zod';
import type { Records } from '../contracts/records.ts';
import type { RevocationKind } from '../contracts/session.ts';
import type { PrimaryFacts } from './facts.ts';
import { Mirror } from './mirror.ts';

/** One entry of the list. */
export interface Revocation {
  readonly kind: RevocationKind;
  readonly subject: string;
  /** Milliseconds since 1970 after which it no longer counts; null = for ever. */
  readonly expires: number | null;
}

/**
 * How long it is kept that an entry was taken back, in milliseconds: as an entry that has ended. A record that is
 * missing in the store is then one that the store has lost, and may be written back.
 */
const TAKEN_BACK = 30 * 24 * 3_600_000;

/** Every worker holds the whole list. */
const MOST = 1_000_000;

const stored = z.object({
  kind: z.enum(['jti', 'sub', 'key']),
  subject: z.string(),
  expires: z.number().nullable(),
});

/** What is revoked on this node, and with a shared store on all nodes. */
export class RevocationList {
  readonly #entries: Mirror<'revocation', Revocation>;

  constructor(records: Records, facts: PrimaryFacts, log: Logger) {
    this.#entries = new Mirror({
      kind: 'revocations',
      fact: 'revocation',
      toFact: ({ expires }) => ({ expires }),
      read: (value) => stored.safeParse(value).data ?? null,
      restore: true,
      records,
      facts,
      log,
    });
  }

  load(): Promise<void> {
    return this.#entries.load();
  }

  *list(): Iterable<Revocation> {
    for (const [, { value }] of this.#entries.entries()) if (counts(value)) yield value;
  }

  /** Adds an entry, or changes how long it counts; false when there are too many. */
  async add(entry: Revocation): Promise<boolean> {
    if (this.#entries.size >= MOST) return false;
    await this.#entries.put(idOf(entry.kind, entry.subject), entry, entry.expires);
    return true;
  }

  /** Takes an entry back; false when there is none. */
  async remove(kind: RevocationKind, subject: string): Promise<boolean> {
    const id = idOf(kind, subject);
    const found = this.#entries.get(id);
    if (found === undefined || !counts(found)) return false;
    const now = Date.now();
    await this.#entries.put(id, { ...found, expires: now }, now + TAKEN_BACK);
    return true;
  }
}

const counts = ({ expires }: Revocation): boolean => expires === null || expires > Date.now();

/** As the workers know it. */
const idOf = (kind: RevocationKind, subject: string): string => `${kind} ${subject}`;
