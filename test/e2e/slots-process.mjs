/**
 * An origin of fixed capacity: so many requests at a time, each for so long, the rest waits in its queue. Arguments: slots
 * and milliseconds. `POST /slots/N` changes the slots; `GET /tally` tells what it did so far.
 */
import { createServer } from 'node:http';

let [slots, serviceMs] = process.argv.slice(2).map(Number);
const tally = { served: 0, busyMs: 0 };
let busy = 0;
const queue = [];

function serve() {
  while (busy < slots && queue.length > 0) {
    const response = queue.shift();
    const began = performance.now();
    busy++;
    setTimeout(() => {
      busy--;
      tally.served++;
      tally.busyMs += performance.now() - began;
      response.end('ok');
      serve();
    }, serviceMs);
  }
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  if (request.url === '/tally') return response.end(JSON.stringify({ ...tally, at: performance.now() }));
  if (request.url.startsWith('/slots/')) {
    slots = Number(request.url.slice('/slots/'.length));
    return response.end();
  }
  queue.push(response);
  serve();
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
