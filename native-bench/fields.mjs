/** What a browser behind a login sends: 12 fields, a cookie, a bearer token of 700 bytes. */
export const FIELDS = [
  ['host', 'api.example.com'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['accept-language', 'en-GB,en;q=0.7,de;q=0.3'],
  ['accept-encoding', 'gzip, deflate, br, zstd'],
  ['referer', 'https://app.example.com/users?page=2'],
  ['cache-control', 'no-cache'],
  ['sec-fetch-dest', 'empty'],
  ['sec-fetch-mode', 'cors'],
  ['sec-fetch-site', 'same-origin'],
  ['priority', 'u=0'],
  ['upgrade-insecure-requests', '1'],
  ['dnt', '1'],
  ['cookie', 'theme=dark; consent=1; session=3f0b6a1c9d5e4b7f8a2d1c0e9b8a7f6e'],
  ['authorization', `Bearer ${'eyJhbGciOiJSUzI1NiIs'.repeat(35)}`],
];
