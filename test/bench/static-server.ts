import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// What the donor is measured against: a file server as anybody would write it. Serves one file under any path.
const [path = ''] = process.argv.slice(2);
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-length': statSync(path).size });
  createReadStream(path).pipe(response);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ kind: 'listening', url: `http://127.0.0.1:${port}` });
});
