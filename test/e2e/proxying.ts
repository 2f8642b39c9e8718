import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { expect } from 'vitest';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startTcpOrigin, type Origin } from '../support/origin.ts';

/** Both HTTP implementations: what a test of proxying asserts must hold on either. */
export const EDGES = ['uws', 'node'] as const;
export type EdgeKind = (typeof EDGES)[number];

/** A gateway on that edge whose upstreams and routes are as given. */
export function startProxy(edge: EdgeKind, config: object): Promise<Gateway> {
  return startGateway({ config: { version: 1, ...config }, env: { SLUICE_EDGE: edge } });
}

/** An upstream of one target with a route for everything below `/ID/`. */
export function through(id: string, port: number, upstream: object = {}, route: object = {}) {
  return {
    upstream: { id, targets: [{ url: `http://127.0.0.1:${port}` }], ...upstream },
    route: { id, match: { paths: [`/${id}`, `/${id}/*`] }, upstream: id, ...route },
  };
}

/** The configuration that holds them all. */
export function joined(parts: ReturnType<typeof through>[], rest: object = {}): object {
  return { upstreams: parts.map((each) => each.upstream), routes: parts.map((each) => each.route), ...rest };
}

/** Sum of the series of a metric whose labels include those given. */
export async function metric(
  gateway: Gateway,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((pair) => line.includes(pair)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Waits for a metric: workers push theirs once a second. */
export async function expectMetric(
  gateway: Gateway,
  name: string,
  labels: Record<string, string>,
  value: number,
): Promise<void> {
  await expect.poll(() => metric(gateway, name, labels)).toBe(value);
}

/** The peak of a process's resident memory so far, in bytes. */
export function peakRss(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** Open file descriptors of a process. */
export const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** A bare origin that calls `answer` with the head of each request without a body, and whatever came behind it. */
export function startRawOrigin(
  answer: (head: string, socket: Socket, rest: Buffer) => void,
): Promise<Origin> {
  return startTcpOrigin((socket) => {
    let kept = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk]);
      const end = kept.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = kept.toString('latin1', 0, end);
      // A head with a body is told once: what follows is the test's business.
      if (/^(content-length: [1-9]|transfer-encoding)/im.test(head)) socket.removeAllListeners('data');
      const rest = kept.subarray(end + 4);
      kept = Buffer.alloc(0);
      answer(head, socket, rest);
    });
  });
}

/** A whole request without a body, as a client writes it. */
export const get = (path: string, method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
