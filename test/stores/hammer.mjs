// A worker that does nothing but ask limits: node hammer.mjs MISSION. Descriptor 3 is the shared memory.
import { writeSync } from 'node:fs';
import { SharedLimits } from '../../dist/stores/limit-shared.js';
import { join } from '../../dist/stores/shared-memory.js';
import { clockFrom } from '../../dist/stores/clock.js';

const { worker, length, rules, keys, attempts, lasting, truth } = JSON.parse(process.argv[2]);
const memory = join(3, length);
let isFull = false;
const store = new SharedLimits({ memory, worker, full: () => (isFull = true) });
const now = clockFrom(memory.epoch);
const buckets = rules.map((rule) => store.bucket(rule));
const any = (n) => Math.floor(Math.random() * n);

/** How often each key passed under each rule. */
function count() {
  const passed = rules.map(() => Array(keys).fill(0));
  for (let i = 0; i < attempts; i++) {
    const [rule, key] = [i % rules.length, any(keys)];
    if (buckets[rule].take(`key ${key}`, 1) >= 0) passed[rule][key]++;
  }
  return { passed, isFull };
}

/** When each pass began and ended. */
function time() {
  const passes = [];
  let refused = 0;
  for (const end = now() + lasting * 1e6; now() < end;) {
    const key = any(keys);
    isFull = false;
    const begun = now();
    const verdict = buckets[0].take(`key ${key}`, 1);
    if (isFull) continue;
    if (verdict >= 0) passes.push([key, begun, now()]);
    else refused++;
  }
  return { passes, refused };
}

/** In and out until it is killed or told to end; `truth` is where it notes what it holds. */
function hold() {
  let over = 0;
  let turns = 0;
  const held = [];
  const noted = memory.int64;
  // The notes are read one after the other, while others come and go: only what stays so is true of one moment.
  const tooMany = () => {
    let sum = 0n;
    for (let w = 0; w < memory.workers; w++) sum += Atomics.load(noted, truth + w);
    return sum > BigInt(rules[0].amount);
  };
  const step = () => {
    for (let i = 0; i < 200; i++) {
      if (held.length > 0 && Math.random() < 0.5) {
        // Noted as gone before it is gone: the note is never more than the truth.
        Atomics.sub(noted, truth + worker, 1n);
        buckets[0].give(held.pop(), 1);
      } else if (buckets[0].take('k', 1) >= 0) {
        held.push('k');
        Atomics.add(noted, truth + worker, 1n);
        if (tooMany() && tooMany() && tooMany()) over++;
      }
      buckets[1].take(`other ${any(100_000)}`, 1);
      turns++;
    }
    setImmediate(step);
  };
  process.on('SIGTERM', () => {
    Atomics.store(noted, truth + worker, 0n);
    for (const key of held) buckets[0].give(key, 1);
    say({ over, turns });
    process.exit(0);
  });
  process.stdout.write('ready\n');
  step();
}

const say = (what) => writeSync(1, `${JSON.stringify(what)}\n`);
if (truth !== undefined) hold();
else say(lasting === undefined ? count() : time());
