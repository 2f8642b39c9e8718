import type { FastifyInstance } from 'fastify';
import type { AdminGrant } from '../contracts/config.ts';
import { makeGuard } from './guard.ts';
import { problem } from './refusal.ts';

/** One part of the API: adds its routes, with paths below `/api/v1`. */
export type Resource = (api: FastifyInstance) => void;

export interface ApiOptions {
  /** The tokens of the present configuration. */
  readonly grants: () => readonly AdminGrant[];
  readonly resources: readonly Resource[];
}

/** `/api/v1`: every resource behind the guard, what does not exist included. */
export function registerApi(app: FastifyInstance, { grants, resources }: ApiOptions): void {
  void app.register(
    (api, _, done) => {
      api.decorateRequest('actor', '');
      api.addHook('onRequest', makeGuard(grants));
      api.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'));
      api.addContentTypeParser(
        'application/merge-patch+json',
        { parseAs: 'string' },
        api.getDefaultJsonParser('error', 'error'),
      );
      api.setNotFoundHandler((_request, reply) =>
        problem(reply, 'not_found', 'The admin API has no such resource.'),
      );
      for (const resource of resources) resource(api);
      done();
    },
    { prefix: '/api/v1' },
  );
}
