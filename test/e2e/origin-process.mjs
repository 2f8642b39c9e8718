/** An origin that can be killed: answers 200 on 127.0.0.1 and the port that it is given. */
import { createServer } from 'node:http';

createServer((_, response) => response.end('ok')).listen(Number(process.argv[2]), '127.0.0.1', () =>
  console.log('listening'),
);
