import { readFileSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeEdges } from './edge-support.ts';
import { DIFFERENCES } from './edge-table.ts';

/** Replies that wait behind their heads until `/gate/NAME` is asked for. */
const gated = new Map<string, ServerResponse>();

const answer: RequestListener = (request, response) => {
  const [, what, name = ''] = (request.url ?? '').split('/');
  if (what === 'gated' || what === 'streamed') {
    gated.set(name, response);
    if (what === 'gated') response.flushHeaders();
    else response.write('begun');
    return;
  }
  if (what === 'long') response.setHeader('x-long', 'x'.repeat(Number(name)));
  if (what === 'gate') gated.get(name)!.end('end');
  if (what === 'early') return void response.end('early');
  request.resume().on('end', () => response.end(request.url));
};

const limits = { headerTimeout: '3s', bodyTimeout: '3s' };

describeEdges('what the edges do differently', { answer, limits }, (edge) => {
  test.each(DIFFERENCES)('$uws | $node', (row) => row.prove(edge));
});

test('the README has the same table', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const section = /^## Which edge when$([^]*?)^## /m.exec(readme)![1]!;
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('|') && !line.startsWith('| -'))
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, 3),
    );
  expect(rows.slice(1)).toEqual(DIFFERENCES.map(({ uws, node }) => [uws, node]));
});
