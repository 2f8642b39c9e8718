// The gateway as it is, but for how often it fetches key sets: node short-periods.mjs run -c CONFIG TIMES
import { run } from '../../dist/primary.js';

const [, , , , file, times] = process.argv;
await run({ file, flags: {}, jwksTimes: JSON.parse(times) });
