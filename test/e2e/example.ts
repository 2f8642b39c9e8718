import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startGateway, type Gateway, type GatewayOptions } from '../support/gateway.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import type { WireReply } from '../support/reply-parser.ts';

/** Where the examples of policies are. */
export const folder = join(import.meta.dirname, '..', '..', 'config', 'policies');

/** A running example of a policy, and its upstream. */
export interface Example {
  readonly gateway: Gateway;
  readonly origin: Origin;
  readonly ask: (request: string, ...fields: string[]) => Promise<WireReply>;
}

/** Starts the example of that name as it stands in the repository, but for the port of its target and `changes` of its text. */
export async function start(
  name: string,
  options: Omit<GatewayOptions, 'config'> = {},
  changes: Readonly<Record<string, string>> = {},
): Promise<Example> {
  const origin = await startOrigin((_, response) => {
    response.setHeader('Server', 'origin/1');
    response.setHeader('X-Powered-By', 'magic');
    response.setHeader('Access-Control-Allow-Origin', 'https://from-the-origin.example');
    response.end('ok');
  });
  const port = `:${origin.port}`;
  let text = readFileSync(join(folder, `${name}.yaml`), 'utf8');
  for (const [from, to] of Object.entries({ ':9001': port, ...changes })) {
    expect(text).toContain(from);
    // A function: hashes of passwords hold dollar signs.
    text = text.replaceAll(from, () => to);
  }
  const gateway = await startGateway({ ...options, config: text });
  return {
    gateway,
    origin,
    ask: async (request, ...fields) => {
      const [method = '', target = ''] = request.split(' ');
      using client = await connect(gateway.port);
      await client.send(
        [`${method} ${target} HTTP/1.1`, 'Host: shop.example', ...fields, '', ''].join('\r\n'),
      );
      return await client.reply(method);
    },
  };
}

/** What the upstream was asked last. */
export const last = ({ origin }: Example) => origin.requests.at(-1)!;

/** Names of all examples, and of those that the tests beside this file start. */
export function examples(): { readonly all: string[]; readonly tried: string[] } {
  const files = readdirSync(import.meta.dirname).filter((file) => /^policies.*\.test\.ts$/.test(file));
  const tests = files.map((file) => readFileSync(join(import.meta.dirname, file), 'utf8')).join('');
  const tried = new Set([...tests.matchAll(/\bstart\('([a-z-]+)'/g)].map(([, name]) => `${name}.yaml`));
  return { all: readdirSync(folder).sort(), tried: [...tried].sort() };
}
