import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startOrigin, type Origin, type SeenRequest } from '../support/origin.ts';
import { connect, type RawClient } from '../support/raw.ts';
import { parseReply, type WireReply } from '../support/reply-parser.ts';
import { PATIENCE } from '../support/patience.ts';
import { EDGES, type EdgeKind } from './proxying.ts';

export interface Setup {
  /** Answers of the origin behind `/*`; default: 200 "ok". */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => void;
  /** The upstream behind `/*` instead of that origin. */
  readonly origin?: () => Promise<Origin>;
  /** Routes beside it. */
  readonly routes?: object[];
  readonly limits?: object;
  readonly config?: object;
}

/** A gateway with one worker on one edge, in front of one origin. */
export class EdgeUnderTest {
  readonly kind: EdgeKind;
  gateway!: Gateway;
  origin!: Origin;
  /** Process id of the worker. */
  worker = 0;

  constructor(kind: EdgeKind) {
    this.kind = kind;
  }

  async start({ answer, origin, routes = [], limits = {}, config = {} }: Setup): Promise<void> {
    this.origin = origin === undefined ? await startOrigin(answer) : await origin();
    this.gateway = await startGateway({
      config: {
        version: 1,
        limits,
        upstreams: [{ id: 'origin', targets: [{ url: this.origin.url }] }],
        routes: [...routes, { id: 'all', match: { paths: ['/*'] }, upstream: 'origin' }],
        ...config,
      },
      env: { SLUICE_EDGE: this.kind },
    });
    this.worker = this.gateway.workers()[0]!;
  }

  connect(): Promise<RawClient> {
    return connect(this.gateway.port);
  }

  /** Sends these bytes on a new connection and gives the first reply. */
  async ask(bytes: string, method?: string): Promise<WireReply> {
    using client = await this.connect();
    await client.send(bytes);
    return await client.reply(method, PATIENCE);
  }

  /** Sends these bytes on a new connection and gives what comes: a status, or `closed` without one. */
  async outcome(...parts: string[]): Promise<number | 'closed'> {
    using client = await this.connect();
    await client.send(...parts);
    return await outcomeOf(client);
  }

  /** The request to this path, once the origin has it. */
  async arrived(path: string): Promise<SeenRequest> {
    const find = () => this.origin.requests.find(({ url }) => url === path);
    await expect.poll(find).toBeDefined();
    return find()!;
  }
}

export { PATIENCE };

export function outcomeOf(client: RawClient): Promise<number | 'closed'> {
  return client.until(() => {
    const parsed = parseReply(client.received, 'GET', client.closed);
    if (parsed !== null) return parsed.reply.status;
    return client.closed ? 'closed' : null;
  }, PATIENCE);
}

/** The same tests on both edges. The worker that served the first one must have survived the last one. */
export function describeEdges(title: string, setup: Setup, body: (edge: EdgeUnderTest) => void): void {
  describe.each(EDGES)(`${title}, on the %s edge`, (kind) => {
    const edge = new EdgeUnderTest(kind);
    beforeAll(() => edge.start(setup));
    afterAll(() => expect(edge.gateway.workers()).toEqual([edge.worker]));
    body(edge);
  });
}

/** A request head: `Host: test` and the fields given. */
export const head = (line: string, ...fields: string[]): string =>
  [`${line} HTTP/1.1`, 'Host: test', ...fields, '', ''].join('\r\n');

/** Control characters are shown in the names of tests. */
export const shown = (text: string): string => JSON.stringify(text).slice(1, -1);
