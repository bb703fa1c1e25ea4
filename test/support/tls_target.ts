/** TLS in front of the embedded PostgreSQL, which has none: answers SSLRequest and decrypts. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Certificate } from '../../local/certificate.ts';

/** The length of an SSLRequest (PostgreSQL manual, "Message Formats"). */
const SSL_REQUEST_BYTES = 8;

export async function startTlsTarget(port: number, certificate: Certificate) {
  const secureContext = createSecureContext(certificate);
  const sockets = new Set<Socket>();
  const server = createServer((plain) => {
    sockets.add(plain);
    plain.on('error', () => plain.destroy());
    plain.once('readable', () => {
      plain.read(SSL_REQUEST_BYTES);
      plain.write('S');
      const secured = new TLSSocket(plain, { isServer: true, secureContext });
      const target = connect(port, '127.0.0.1');
      sockets.add(target);
      for (const side of [secured, target]) side.on('error', () => plain.destroy());
      secured.pipe(target).pipe(secured);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
