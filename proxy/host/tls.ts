/** TLS towards clients (the gateway's certificate) and towards targets (verify-full, or nothing). */
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { VerifyFull } from '../protocols/adapter.ts';

/** PEM text, as it comes out of Secrets Manager. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
}

/** ALPN name of direct TLS connections (PostgreSQL manual, "SSL Session Encryption"). */
const ALPN = ['postgresql'];
const VERSION_MIN = 'TLSv1.2';

export function makeServerContext(server: ServerTls): tls.SecureContext {
  return tls.createSecureContext({
    cert: server.certificate,
    key: server.key,
    minVersion: VERSION_MIN,
  });
}

/** Wraps an accepted socket; `leftover` is what was read of the handshake already. */
export function secureAccepted(
  socket: Socket,
  secureContext: tls.SecureContext,
  leftover: Uint8Array,
): tls.TLSSocket {
  // Paused, so that nothing but TLS takes what is put back: a flowing socket would drop it.
  socket.pause();
  if (leftover.length > 0) socket.unshift(leftover);
  return new tls.TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ALPN });
}

/** Chain and name must verify; there is no lesser mode to fall back to. */
export function secureOutgoing(socket: Socket, verify: VerifyFull): tls.TLSSocket {
  return tls.connect({
    socket,
    host: verify.host,
    // An address is no server name (RFC 6066 section 3); it is still checked against the certificate.
    ...(isIP(verify.host) === 0 ? { servername: verify.host } : {}),
    ...(verify.ca === null ? {} : { ca: verify.ca }),
    minVersion: VERSION_MIN,
    rejectUnauthorized: true,
    checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(verify.host, certificate),
  });
}
