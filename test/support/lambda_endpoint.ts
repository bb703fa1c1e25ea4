/** Lambda's Invoke over HTTP, for handlers of this process: what the SDK's client sends and reads. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

type Handler = (event: unknown) => Promise<unknown>;

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
const INVOKE = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

export async function startLambdaEndpoint(handlers: Readonly<Record<string, Handler>>) {
  const invoked: string[] = [];
  const server = createServer((request, response) => {
    const name = decodeURIComponent(INVOKE.exec(request.url ?? '')?.[1] ?? '');
    const handler = handlers[name];
    invoked.push(name);
    const run = async () => {
      if (handler === undefined) return response.writeHead(404).end('{}');
      const answer = await handler(await json(request));
      return response.writeHead(200).end(JSON.stringify(answer));
    };
    run().catch((error: unknown) => {
      const errorMessage = String(error);
      response.writeHead(200, { 'x-amz-function-error': 'Unhandled' });
      response.end(JSON.stringify({ errorMessage }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Names of the functions, in the order they were called. */
    invoked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
