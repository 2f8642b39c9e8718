import type { Hooks, Site } from '../../src/contracts/policy.ts';
import type { Identity, Reply } from '../../src/contracts/http.ts';
import { inertServices, noConsumers } from '../../src/lib/inert.ts';
import { BlockHead, decodeBlock, encodeBlock } from '../../src/lib/reply-head.ts';
import { limitAnyone, limitCallers } from '../../src/policies/limit.ts';
import { limitSchema } from '../../src/policies/shared/limit-options.ts';
import { getField } from '../../src/lib/fields.ts';
import { exchange, type Asked } from './exchange.ts';
import { PlainStore } from './limit-store.ts';

export interface Setting {
  scope?: string;
  route?: string;
  headers?: Site['rateLimitHeaders'];
  store?: PlainStore;
}

export interface Answer {
  readonly status: number;
  readonly get: (name: string) => string | undefined;
  readonly body: string;
  /** What the policy noted for the access log. */
  readonly limit: string;
}

const NOBODY: Identity = {
  consumer: null,
  user: null,
  groups: [],
  scopes: [],
  keyId: null,
  tokenId: null,
  claims: [],
  fields: '',
};

/** Ends an exchange: runs the done hooks. */
type Finish = () => void;

/** Both places of the policy on one route, over a store in plain terms. */
export class Limited {
  readonly store: PlainStore;
  /** `decision` of every answer, with its limit. */
  readonly decisions: string[] = [];
  readonly #early: Hooks | null;
  readonly #late: Hooks | null;

  constructor(written: unknown, options: Setting = {}) {
    const { scope = 'users', route = 'users', headers = 'standard' } = options;
    this.store = options.store ?? new PlainStore();
    const slots = new Map<string, { index: number }>();
    let count = 0;
    const site: Site = {
      route: { id: route, upstreamId: null },
      params: new Map(),
      consumers: noConsumers,
      authenticators: () => [],
      scope,
      rateLimitHeaders: headers,
      slot: (shared = `#${count}`) => {
        if (!slots.has(shared)) slots.set(shared, { index: count++ });
        return slots.get(shared)!;
      },
      services: {
        ...inertServices,
        limits: this.store,
        counter: (family, ...labels) => ({
          inc: () => void this.decisions.push([family, ...labels].join(' ')),
        }),
      },
    };
    const parsed = limitSchema.parse(written);
    this.#early = limitAnyone.compile(parsed, site);
    this.#late = limitCallers.compile(parsed, site);
  }

  /** One request to its end. `upstream` is the status that the other side would answer with. */
  async ask(asked: Asked & { as?: Partial<Identity>; deny?: number } = {}, upstream = 200): Promise<Answer> {
    const { answer, finish } = await this.start(asked, upstream);
    finish();
    return answer;
  }

  /** One request up to its reply, which goes on until `finish`. */
  async start(
    asked: Asked & { as?: Partial<Identity>; deny?: number } = {},
    upstream = 200,
  ): Promise<{ answer: Answer; finish: Finish }> {
    let limit = '';
    const x = Object.assign(exchange(asked), { note: (_: string, value: string) => void (limit = value) });
    const begun: Hooks[] = [];
    const step = async (hooks: Hooks | null): Promise<Reply | undefined> => {
      if (hooks === null) return undefined;
      begun.unshift(hooks);
      return hooks.request!(x);
    };
    let reply = await step(this.#early);
    const { as, deny } = asked;
    if (as !== undefined) x.identity = { ...NOBODY, ...as };
    if (reply === undefined && deny !== undefined) reply = { status: deny, headers: [], body: null };
    reply ??= await step(this.#late);
    reply ??= { status: upstream, headers: ['ratelimit', '"theirs";r=1'], body: null };
    const head = (x.reply = new BlockHead(reply.status, 0, encodeBlock(reply.headers)));
    for (const hooks of begun) hooks.response?.(x);
    const fields = decodeBlock(head.block());
    const { status } = head;
    return {
      answer: { status, limit, body: String(reply.body ?? ''), get: (name) => getField(fields, name) },
      finish: () => {
        for (const hooks of [this.#early, this.#late]) hooks?.done?.(x);
      },
    };
  }

  /** A request whose client leaves while the store is asked. */
  leave(asked: Asked = {}): () => Promise<void> {
    const x = exchange(asked);
    const steps = [this.#early, this.#late].map((hooks) => hooks?.request?.(x));
    for (const hooks of [this.#early, this.#late]) hooks?.done?.(x);
    return async () => {
      this.store.release();
      for (const step of steps) await step;
    };
  }
}
