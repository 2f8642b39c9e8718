/** What an installation with `--omit=optional` is to Node. */
export const HIDE_KOFFI = `
  const loader = require('node:module');
  const resolve = loader._resolveFilename;
  loader._resolveFilename = function (name, ...rest) {
    if (name === 'koffi') throw new Error('Cannot find module');
    return resolve.call(this, name, ...rest);
  };
`;
