import { z } from 'zod';
import { planned, plannedValue } from './blocks.ts';

/** The `store` part of the configuration: where limits, sessions and other shared state live. */
export const store = z.strictObject({
  kind: z
    .literal('embedded', plannedValue(['redis'], 'embedded'))
    .default('embedded')
    .describe('Where limits are counted: embedded = in this node.'),
  url: planned('store.url'),
});
