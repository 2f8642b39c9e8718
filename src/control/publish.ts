import type { Logger } from 'pino';
import type { GatewayConfig } from '../contracts/config.ts';
import type { ToPrimary } from '../contracts/messages.ts';
import type { Snapshot } from '../contracts/runtime.ts';
import type { Fleet, Member } from './fleet.ts';
import { Vote } from './vote.ts';

/** What became of a published configuration. */
export type Outcome =
  | { readonly ok: true; readonly generation: number }
  /** Nothing changed anywhere; `why` is for the operator. */
  | { readonly ok: false; readonly why: string };

export interface PublisherOptions {
  readonly fleet: Fleet;
  readonly log: Logger;
  /** Milliseconds that workers have to prepare, and again to apply. */
  readonly patience?: number;
}

/** Milliseconds for the first generation: processes must start before they can prepare it. */
const START_PATIENCE = 60_000;

/** What is known of one living worker. */
interface Standing {
  /** Snapshots sent, and answers to them heard: an answer counts only when the two are equal. */
  asked: number;
  answered: number;
  /** Generation that it serves; 0 = none yet. */
  applied: number;
}

/**
 * Brings configurations to all workers in two phases: every worker prepares, then every worker commits;
 * if one refuses, nothing changes anywhere. One publication at a time, in the order of the calls.
 * An heir of a dead worker gets the committed generation by itself.
 */
export class Publisher {
  readonly #fleet: Fleet;
  readonly #log: Logger;
  readonly #patience: number;
  readonly #standings = new Map<Member, Standing>();
  #committed: Snapshot | null = null;
  /** Newest generation that is through both phases. */
  #settled = 0;
  #preparing: Vote | null = null;
  #applying: Vote | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PublisherOptions) {
    this.#fleet = options.fleet;
    this.#log = options.log;
    this.#patience = options.patience ?? 10_000;
    this.#fleet.listen({
      born: (member) => this.#born(member),
      message: (member, message) => this.#hear(member, message),
      died: (member) => this.#died(member),
    });
  }

  /** Number of the committed configuration; 0 before the first. */
  get generation(): number {
    return this.#committed?.generation ?? 0;
  }

  /** Newest generation that every worker had the time to apply. */
  get settled(): number {
    return this.#settled;
  }

  /** Generation that each living worker serves; 0 = it does not listen yet. */
  applied(): { slot: number; generation: number }[] {
    return [...this.#standings].map(([{ slot }, { applied }]) => ({ slot, generation: applied }));
  }

  /** Resolves when every worker serves `config`, or when one has refused it. Never rejects. */
  publish(config: GatewayConfig): Promise<Outcome> {
    const outcome = this.#last.then(() => this.#run(config));
    this.#last = outcome;
    return outcome;
  }

  async #run(config: GatewayConfig): Promise<Outcome> {
    const snapshot: Snapshot = { generation: this.generation + 1, config };
    const prepared = await this.#prepare(snapshot);
    // With nobody left to agree, the configuration itself may be what kills workers.
    if (prepared.yes.size === 0) prepared.refuse('every worker died while preparing it');
    if (prepared.why !== null) return this.#refuse(prepared.why);

    this.#committed = snapshot;
    const { generation } = snapshot;
    const applied = await this.#apply(snapshot, prepared.yes);
    if (applied.why !== null) this.#log.warn({ generation, reason: applied.why }, 'a worker is behind');
    this.#settled = generation;
    return { ok: true, generation };
  }

  #refuse(why: string): Outcome {
    // An heir that had not caught up dropped the committed snapshot for the refused one.
    for (const [member, { applied }] of this.#standings) {
      if (this.#committed !== null && applied < this.generation) this.#ask(member, this.#committed);
    }
    return { ok: false, why };
  }

  async #prepare(snapshot: Snapshot): Promise<Vote> {
    const patience = this.#committed === null ? START_PATIENCE : this.#patience;
    const vote = new Vote('prepare', this.#fleet.members(), patience);
    this.#preparing = vote;
    for (const member of this.#fleet.members()) this.#ask(member, snapshot);
    await vote.over;
    this.#preparing = null;
    return vote;
  }

  async #apply(snapshot: Snapshot, prepared: ReadonlySet<Member>): Promise<Vote> {
    const vote = new Vote('apply', this.#fleet.members(), this.#patience);
    this.#applying = vote;
    for (const member of this.#fleet.members()) {
      if (prepared.has(member)) member.send({ t: 'commit', generation: snapshot.generation });
      // Born while the others prepared: it has been told of the old generation.
      else this.#ask(member, snapshot);
    }
    await vote.over;
    this.#applying = null;
    return vote;
  }

  #ask(member: Member, snapshot: Snapshot): void {
    const standing = this.#standings.get(member);
    if (standing === undefined) return;
    standing.asked++;
    member.send({ t: 'snapshot', snapshot });
  }

  #born(member: Member): void {
    this.#standings.set(member, { asked: 0, answered: 0, applied: 0 });
    if (this.#committed !== null) this.#ask(member, this.#committed);
  }

  #died(member: Member): void {
    this.#standings.delete(member);
    this.#preparing?.leave(member);
    this.#applying?.leave(member);
  }

  #hear(member: Member, message: ToPrimary): void {
    const standing = this.#standings.get(member);
    if (standing === undefined) return;
    if (message.t === 'prepared' || message.t === 'refused') {
      // The answer to an earlier snapshot, too late to matter.
      if (++standing.answered < standing.asked) return;
      this.#answer(member, message.generation, message.t === 'refused' ? message.why : null);
    } else if (message.t === 'applied' || message.t === 'ready') {
      standing.applied = message.generation;
      if (message.generation === this.generation) this.#applying?.agree(member);
    }
  }

  /** A worker's word on the newest snapshot that it was sent. */
  #answer(member: Member, generation: number, why: string | null): void {
    if (generation === this.generation) {
      // Outside of a vote: an heir that catches up. Without this generation it is of no use.
      if (why === null) return member.send({ t: 'commit', generation });
      this.#log.error({ worker: member.slot, generation, reason: why }, 'worker refuses the configuration');
      return member.kill();
    }
    if (why === null) this.#preparing?.agree(member);
    else this.#preparing?.refuse(`worker ${member.slot} refuses it: ${why}`);
  }
}
