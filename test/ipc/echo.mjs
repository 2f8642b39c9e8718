// The other end of channel.test.ts: says everything again that it hears.
import { openChannel } from '../../dist/ipc/channel.js';

const log = (line) => process.stderr.write(`${line}\n`);
const channel = openChannel(process, { warn: log });
channel.on((message) => {
  if (message.t === 'raw') process.send(message.data);
  else channel.send(message);
});
