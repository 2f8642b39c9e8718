import { inertServices, noConsumers } from '../../src/lib/inert.ts';
import type { Exchange, RouteInfo, Slot } from '../../src/contracts/exchange.ts';
import type { Headers, Identity, Reply, ReplyHead } from '../../src/contracts/http.ts';
import type { Hooks, Site } from '../../src/contracts/policy.ts';
import { getField, getFields, removeField } from '../../src/lib/fields.ts';
import { BlockHead, decodeBlock, encodeBlock } from '../../src/lib/reply-head.ts';
import { POLICIES } from '../../src/policies/index.ts';

/** What a test says about a request; the rest is an ordinary GET. */
export interface Asked {
  id?: string;
  method?: string;
  host?: string;
  ip?: string;
  path?: string;
  query?: string;
  params?: string[];
  headers?: Headers;
  identity?: Identity;
}

const route: RouteInfo = { id: 'users', upstreamId: 'users' };

/** An exchange as policies see it, on the contract's plain terms. */
export function exchange(asked: Asked = {}): Exchange & { reply: ReplyHead | null } {
  const slots: unknown[] = [];
  const { headers = [] } = asked;
  return {
    id: asked.id ?? 'req-1',
    walkedAt: performance.now(),
    traceId: '0af7651916cd43dd8448eb211c80319c',
    route,
    params: asked.params ?? [],
    method: asked.method ?? 'GET',
    scheme: 'http',
    host: asked.host ?? 'api.example.com',
    ip: asked.ip ?? '192.0.2.7',
    peer: '192.0.2.7',
    headers,
    header: (name) => getField(headers, name),
    fields: (name) => getFields(headers, name),
    removeHeader: (name) => removeField(headers, name),
    path: asked.path ?? '/',
    query: asked.query ?? '',
    identity: asked.identity ?? null,
    reply: null,
    fault: null,
    aborted: false,
    attempts: 0,
    note: () => undefined,
    get: <T>(slot: Slot<T>) => slots[slot.index] as T | undefined,
    set: <T>(slot: Slot<T>, value: T) => {
      slots[slot.index] = value;
    },
  };
}

/** The hooks of one policy on one route, from options as they stand in a file. */
export function compile(name: string, options: unknown, params: Record<string, number> = {}): Hooks | null {
  const policy = POLICIES.find((each) => each.name === name);
  if (policy === undefined) throw new Error(`there is no policy ${name}`);
  let slots = 0;
  const site: Site = {
    route,
    params: new Map(Object.entries(params)),
    scope: route.id,
    rateLimitHeaders: 'standard',
    slot: () => ({ index: slots++ }),
    authenticators: () => [],
    consumers: noConsumers,
    services: inertServices,
  };
  return policy.compile(options, site);
}

/** What the client gets. */
export interface Got {
  readonly status: number;
  /** Fields of that name, in order. */
  all(name: string): string[];
  get(name: string): string | undefined;
  readonly body: string;
  /** Whether the answer came from the policy and not from the upstream. */
  readonly local: boolean;
}

const OK: Reply = { status: 200, headers: ['content-type', 'text/plain'], body: Buffer.from('hello') };

/** Walks one exchange through the hooks, as the pipeline does it; `upstream` is what the other side answers. */
export function walk(hooks: Hooks | null, x: ReturnType<typeof exchange>, upstream: Reply = OK): Got {
  const step = hooks?.request?.(x);
  if (step instanceof Promise) throw new Error('these policies never wait');
  const reply = step ?? upstream;
  const head = new BlockHead(reply.status, reply.body?.length ?? 0, encodeBlock(reply.headers));
  x.reply = head;
  hooks?.response?.(x);
  const fields = decodeBlock(head.block());
  return {
    status: head.status,
    all: (name) => fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === name),
    get: (name) => getField(fields, name),
    body: Buffer.from(reply.body ?? []).toString(),
    local: step !== undefined,
  };
}

/** `path: message` of every mistake that the options hold. */
export function mistakes(name: string, options: unknown, params: Record<string, number> = {}): string[] {
  try {
    compile(name, options, params);
  } catch (error) {
    const { issues } = error as { issues: { path: PropertyKey[]; message: string }[] };
    return issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }
  return [];
}
