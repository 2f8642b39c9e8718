import type { FastifyInstance } from 'fastify';

/** What the probes tell; all of it from memory, none of it asks a worker. */
export interface ProbeDeps {
  /** The body of `/readyz`; 200 only when the status is `ready`. */
  readonly readiness: () => { readonly status: string };
  /** The Prometheus text. */
  readonly metrics: () => Promise<string>;
  readonly metricsType: string;
}

/** `/livez`, `/readyz` and `/metrics`: no authentication, nothing that a stuck worker can delay. */
export function registerProbes(app: FastifyInstance, deps: ProbeDeps): void {
  app.get('/livez', (_, reply) => reply.header('cache-control', 'no-store').send({ status: 'live' }));

  app.get('/readyz', (_, reply) => {
    const readiness = deps.readiness();
    const code = readiness.status === 'ready' ? 200 : 503;
    return reply.code(code).header('cache-control', 'no-store').send(readiness);
  });

  app.get('/metrics', async (_, reply) => reply.type(deps.metricsType).send(await deps.metrics()));
}
