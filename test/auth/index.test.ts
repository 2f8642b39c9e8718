import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AUTHENTICATORS } from '../../src/auth/index.ts';
import { loadFile } from '../../src/config/load.ts';
import type { AuthSite } from '../../src/contracts/auth.ts';
import { inertAuth, noConsumers } from '../../src/lib/inert.ts';

const examples = join(import.meta.dirname, '..', '..', 'config', 'policies');
const site: AuthSite = {
  route: { id: 'r', upstreamId: null },
  consumers: noConsumers,
  services: inertAuth,
};

describe.each(AUTHENTICATORS.map((each) => [each.name, each] as const))('%s', (name, authenticator) => {
  test('has an example, whose options survive being checked twice', () => {
    const loaded = loadFile(join(examples, `${name}.yaml`), { env: {} });
    if (!loaded.ok) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
    const blocks = [loaded.config.policies, ...loaded.config.routes.map((route) => route.policies)];
    const written = blocks.map((block) => block[name]).filter((options) => options !== undefined);
    expect(written.length).toBeGreaterThan(0);
    for (const once of written) {
      expect(authenticator.schema.parse(once)).toEqual(once);
      authenticator.compile(once, site);
      expect(authenticator.challenge(once)).toMatch(/^[A-Za-z]+( |$)/);
    }
  });

  test('describes every key in its JSON Schema, and refuses what it does not know', () => {
    const schema = z.toJSONSchema(authenticator.schema, { io: 'input' });
    for (const [key, value] of Object.entries(schema.properties ?? {}))
      expect((value as { description?: string }).description, key).toMatch(/\.$|\)$/);
    expect(() => authenticator.compile({ nonsense: 1 }, site)).toThrow(z.ZodError);
  });
});
