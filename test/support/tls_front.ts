/** A TLS front before a PostgreSQL without TLS: answers the SSLRequest, shakes hands, and passes bytes. */
import net, { type Socket } from 'node:net';
import tls from 'node:tls';

export interface TlsFront {
  readonly port: number;
  /** Connections that got as far as a secured byte. */
  readonly secured: () => number;
  readonly close: () => Promise<void>;
}

const SSL_REQUEST_BYTES = 8;

export async function startTlsFront(
  behind: { readonly host: string; readonly port: number },
  certificate: { readonly key: string; readonly cert: string },
): Promise<TlsFront> {
  const context = tls.createSecureContext(certificate);
  const open = new Set<Socket>();
  let secured = 0;
  const server = net.createServer((socket) => {
    open.add(socket);
    // Either side may leave at any time; both are then closed.
    socket.on('error', () => socket.destroy());
    socket.once('data', (request) => {
      if (request.length !== SSL_REQUEST_BYTES) return socket.destroy();
      socket.write('S');
      const client = new tls.TLSSocket(socket, { isServer: true, secureContext: context });
      const target = net.connect(behind.port, behind.host);
      client.once('secure', () => {
        secured += 1;
      });
      for (const [from, to] of [
        [client, target],
        [target, client],
      ] as const) {
        from.on('data', (bytes) => to.write(bytes));
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
      return undefined;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    secured: () => secured,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
