/**
 * The development OIDC issuer: discovery and keys on loopback, tokens from the key on disk.
 * For one machine alone: whoever can read the key can be anyone.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { GatewayError } from '../core/errors.ts';
import { portError } from './ports.ts';

export interface DevelopmentUser {
  readonly name: string;
  readonly kind: 'human' | 'machine';
  readonly groups: readonly string[];
}

/** The cast of the tour. */
export const DEVELOPMENT_USERS: readonly DevelopmentUser[] = [
  { name: 'alice', kind: 'human', groups: ['engineering'] },
  { name: 'bob', kind: 'human', groups: ['dba', 'engineering'] },
  { name: 'carol', kind: 'human', groups: ['security'] },
  { name: 'dave', kind: 'human', groups: ['dba'] },
  { name: 'frank', kind: 'human', groups: ['engineering', 'fraud'] },
  { name: 'ci-deploy', kind: 'machine', groups: [] },
  { name: 'mallory', kind: 'human', groups: [] },
];

/** What the gateway of the local system expects in `aud`. */
export const DEVELOPMENT_AUDIENCE = 'sallyport';
const ALGORITHM = 'ES256';
const TOKEN_SECONDS = 3600;
const HOST = '127.0.0.1';

export interface Issuer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

export interface MintOptions {
  /** Default: one hour. Zero and less make a token that has expired already. */
  readonly expiresInSeconds?: number;
  readonly audience?: string;
  readonly issuer?: string;
}

/** @param options.port 0: one that the operating system picks */
export async function startIssuer(options: {
  readonly directory: string;
  readonly port: number;
}): Promise<Issuer> {
  const { d: _private, ...publicKey } = await ensureKey(options.directory);
  let url = '';
  const server = createServer((request, response) => {
    const documents: Readonly<Record<string, object>> = {
      '/.well-known/openid-configuration': {
        issuer: url,
        jwks_uri: `${url}/jwks`,
        id_token_signing_alg_values_supported: [ALGORITHM],
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
      },
      '/jwks': { keys: [publicKey] },
    };
    const found = documents[request.url ?? ''];
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? { error: 'not_found' }));
  });
  url = `http://${HOST}:${await listen(server, options.port)}`;
  await writeFile(issuerFile(options.directory), JSON.stringify({ url }), { mode: 0o600 });
  return {
    url,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * A token that says `user`, signed with the key on disk: works while the issuer is down as well.
 *
 * @throws GatewayError ERR_NOT_FOUND for an unknown user, or where no issuer has run
 */
export async function mintToken(
  directory: string,
  user: string,
  options: MintOptions = {},
): Promise<string> {
  const known = DEVELOPMENT_USERS.find((candidate) => candidate.name === user);
  if (known === undefined) {
    const names = DEVELOPMENT_USERS.map((candidate) => candidate.name).join(', ');
    throw new GatewayError('ERR_NOT_FOUND', `Unknown user "${user}"`, {
      hint: `The development issuer knows ${names}`,
    });
  }
  const key = await readKey(directory);
  const now = Math.floor(Date.now() / 1000);
  const expires = now + (options.expiresInSeconds ?? TOKEN_SECONDS);
  return new SignJWT({
    email: known.kind === 'human' ? `${user}@example.com` : undefined,
    groups: known.groups,
    kind: known.kind,
  })
    .setProtectedHeader({ alg: ALGORITHM, kid: key.kid ?? '', typ: 'JWT' })
    .setIssuer(options.issuer ?? (await readIssuerUrl(directory)))
    .setAudience(options.audience ?? DEVELOPMENT_AUDIENCE)
    .setSubject(user)
    .setIssuedAt(Math.min(now, expires))
    .setExpirationTime(expires)
    .sign(await importJWK(key, ALGORITHM));
}

async function ensureKey(directory: string): Promise<JWK> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    return await readKey(directory);
  } catch {
    // The first start, or a key that cannot be read: tokens last an hour, so a new one loses nothing.
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
    const jwk = await exportJWK(privateKey);
    const kid = createHash('sha256').update(`${jwk.x}.${jwk.y}`).digest('base64url').slice(0, 16);
    const key: JWK = { ...jwk, kid, alg: ALGORITHM, use: 'sig' };
    await writeFile(keyFile(directory), JSON.stringify(key), { mode: 0o600 });
    return key;
  }
}

async function readKey(directory: string): Promise<JWK> {
  return JSON.parse(await readOwn(keyFile(directory)));
}

async function readIssuerUrl(directory: string): Promise<string> {
  const { url }: { url: string } = JSON.parse(await readOwn(issuerFile(directory)));
  return url;
}

async function readOwn(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new GatewayError('ERR_NOT_FOUND', `Cannot read "${file}": no issuer has run here`, {
      hint: 'Start the local system with: npm start',
      cause,
    });
  }
}

async function listen(server: Server, port: number): Promise<number> {
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
  } catch (cause) {
    throw portError(HOST, port, '--issuer-port', cause);
  }
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : port;
}

const keyFile = (directory: string) => path.join(directory, 'key.json');
const issuerFile = (directory: string) => path.join(directory, 'issuer.json');
