const request = (line: string, fields: string[], body = ''): string =>
  [`${line} HTTP/1.1`, 'Host: fuzz', ...fields, '', body].join('\r\n');

/** Valid requests. */
export const REQUESTS: readonly string[] = [
  request('GET /a', []),
  request('GET /a/b?c=d&e=%20f', [
    'User-Agent: fuzz/1.0',
    'Accept: */*',
    'Cookie: a=b; c=d',
    'X-A: 1',
    'X-A: 2',
  ]),
  request('GET /close', ['Connection: close']),
  request('GET /hop', ['Connection: keep-alive, X-Hop', 'X-Hop: 1', 'Keep-Alive: timeout=5', 'TE: trailers']),
  request('HEAD /head', ['Accept: text/html']),
  request('OPTIONS /options', ['Origin: https://a.example', 'Access-Control-Request-Method: PUT']),
  request('DELETE /delete', ['Authorization: Bearer abc.def']),
  request('POST /sized', ['Content-Type: text/plain', 'Content-Length: 11'], 'hello world'),
  request('PUT /binary', ['Content-Length: 6'], '\x00\xff\r\n\r\n'),
  request('POST /empty', ['Content-Length: 0']),
  request('POST /expect', ['Content-Length: 5', 'Expect: 100-continue'], 'hello'),
  request('GET /body', ['Content-Length: 5'], 'hello'),
  request('POST /chunked', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'),
  request('POST /one', ['Transfer-Encoding: chunked', 'X-Last: z'], '1\r\na\r\n0\r\n\r\n'),
  request('POST /none', ['Transfer-Encoding: chunked'], '0\r\n\r\n'),
  request('PATCH /upper', ['TRANSFER-ENCODING: Chunked'], '0000A\r\n0123456789\r\n00\r\n\r\n'),
  request('POST /extended', ['Transfer-Encoding: chunked'], '5;name="v;x"\r\nhello\r\n0;last\r\n\r\n'),
  request(
    'POST /trailers',
    ['Transfer-Encoding: chunked', 'Trailer: X-Sum'],
    '5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n',
  ),
  request('POST /hidden', ['Content-Length: 38'], 'GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n\r\n'),
  request(
    'POST /inside',
    ['Transfer-Encoding: chunked'],
    '26\r\nGET /inner HTTP/1.1\r\nHost: inner\r\n\r\n\r\n0\r\n\r\n',
  ),
  request('GET /first', []) + request('GET /second', ['X-B: 2']),
  request('POST /first', ['Content-Length: 5'], 'hello') + request('GET /second', []),
  request('POST /first', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n') +
    request('GET /second', []),
  request('GET /a%41/../b/./c%7E', []),
  request('GET http://absolute.example/path?x=y', []),
  'GET /old HTTP/1.0\r\n\r\n',
  'GET /old HTTP/1.0\r\nHost: fuzz\r\nConnection: keep-alive\r\n\r\n',
  '\r\nGET /late HTTP/1.1\r\nHost: fuzz\r\n\r\n',
  'GET /folded HTTP/1.1\r\nhost:fuzz\r\nx-empty:\r\nx-spaces:  \t a \t \r\nx-high: \xc3\xa9\r\n\r\n',
];

const reply = (status: string, fields: string[], body = ''): string =>
  [`HTTP/1.1 ${status}`, 'X-Mark: @@', ...fields, '', body].join('\r\n');

/** Stands in a reply for eight characters that no other case has. */
export const MARK = '@@MARK@@';

/** Valid replies to a GET. */
export const REPLIES: readonly string[] = [
  reply('200 OK', ['Content-Length: 13', 'Content-Type: text/plain'], 'sized@@'),
  reply(
    '200 OK',
    ['Date: Mon, 23 Nov 2026 10:00:00 GMT', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Content-Length: 8'],
    '@@',
  ),
  reply('200', ['content-length:8'], '@@'),
  reply('404 Not Found', ['Content-Length: 0', 'Keep-Alive: timeout=5']),
  reply('500 Oh', ['Connection: close', 'Content-Length: 8'], '@@'),
  reply('204 No Content', []),
  reply('304 Not Modified', ['ETag: "a"', 'Content-Length: 42']),
  reply('200 OK', ['Transfer-Encoding: chunked'], '8\r\n@@\r\n5\r\nhello\r\n0\r\n\r\n'),
  reply(
    '200 OK',
    ['TRANSFER-ENCODING: Chunked', 'Trailer: X-Sum'],
    '8;a="b;c"\r\n@@\r\n0;x\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n',
  ),
  reply('200 OK', ['Transfer-Encoding: chunked'], '0\r\n\r\n'),
  reply('200 OK', [], 'until the end @@'),
  reply('201 Created', ['Connection: X-Hop, close', 'X-Hop: 1', 'X-Kept: 2'], 'until the end @@'),
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' + reply('200 OK', ['Content-Length: 8'], '@@'),
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n' +
    reply('202 Accepted', ['Content-Length: 8'], '@@'),
  'HTTP/1.0 200 OK\r\nX-Mark: @@\r\nContent-Length: 8\r\n\r\n@@',
  'HTTP/1.0 200 OK\r\nX-Mark: @@\r\nConnection: keep-alive\r\nContent-Length: 8\r\n\r\n@@',
  'HTTP/1.0 200 OK\r\n\r\nuntil the end @@',
  reply('200 OK', ['Content-Length: 8'], '@@') + reply('200 OK', ['Content-Length: 5'], 'again'),
  reply(
    '200 OK',
    ['X-High: \xc3\xa9\xff', 'X-Empty:', 'X-Spaces: \t a \t ', 'Content-Length: 16'],
    '@@\r\n\0\xff\r\n\r\n',
  ),
].map((text) => text.replaceAll('@@', MARK));
