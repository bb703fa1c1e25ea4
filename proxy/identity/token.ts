/**
 * From an OIDC token to a verified identity. Reads claims only after the signature was checked, and never
 * logs a token or a claim's value: `why` names what was wrong, not what was sent.
 */
import { errors, type JWTPayload, jwtVerify } from 'jose';
import * as v from 'valibot';
import { EpochMs } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import { GROUPS_MAX, type Identity, Principal } from '../../core/principal.ts';
import type { Clock, IdentityVerifier, SignIn } from '../services.ts';
import type { FindKey } from './keys.ts';

/** Longest token that is looked at, characters. Tokens with hundreds of groups are near 16 KB. */
export const TOKEN_MAX = 65_536;
/** How far the issuer's clock and ours may be apart, seconds, for `exp` and `nbf`. */
export const CLOCK_TOLERANCE_SECONDS = 5;

/** Signatures by a private key alone (RFC 7518 section 3.1, RFC 8037, RFC 9864). */
const ASYMMETRIC: ReadonlySet<string> = new Set(
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' '),
);

export interface TokenOptions {
  readonly issuer: string;
  readonly audience: string;
  /** The claim that lists groups, `groups` with most issuers. */
  readonly groupsClaim: string;
  readonly algorithms: readonly string[];
  readonly clock: Clock;
  readonly keys: FindKey;
}

/** @throws GatewayError ERR_CONFIG_INVALID where an algorithm is not an asymmetric signature */
export function makeIdentityVerifier(options: TokenOptions): IdentityVerifier {
  const wrong = options.algorithms.filter((algorithm) => !ASYMMETRIC.has(algorithm));
  if (wrong.length > 0 || options.algorithms.length === 0) {
    throw new GatewayError(
      'ERR_CONFIG_INVALID',
      `Cannot verify tokens with "${wrong.join(', ')}"`,
      {
        hint: `Choose from ${[...ASYMMETRIC].join(', ')}`,
      },
    );
  }
  return { verify: (token) => verify(token, options) };
}

async function verify(token: string, options: TokenOptions): Promise<SignIn> {
  if (token.length > TOKEN_MAX) return refused('token longer than allowed');
  try {
    const { payload } = await jwtVerify(token, options.keys, {
      issuer: options.issuer,
      audience: options.audience,
      algorithms: [...options.algorithms],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(options.clock.now()),
      requiredClaims: ['sub', 'exp'],
    });
    return readIdentity(payload, options.groupsClaim);
  } catch (error) {
    // Whatever it is, nobody signs in; the log says which.
    return refused(reasonOf(error));
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof GatewayError) return `${error.code}: ${error.message}`;
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `claim "${error.claim}" ${error.reason === 'missing' ? 'missing' : 'refused'}`;
  }
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JOSEError) return error.code;
  return 'not verifiable';
}

function readIdentity(claims: JWTPayload, groupsClaim: string): SignIn {
  const groups = readGroups(claims, groupsClaim);
  if (typeof groups === 'string') return refused(groups);
  const actor = readActor(claims['act']);
  if (actor === undefined) return refused('claim "act" is malformed');
  const kind = claims['kind'] ?? (actor === null ? 'human' : 'agent');
  const principal = v.safeParse(Principal, {
    subject: claims.sub,
    email: readEmail(claims),
    kind,
    groups,
    actor,
    assurance: typeof claims['acr'] === 'string' ? claims['acr'] : '',
  });
  if (!principal.success) {
    return refused(`claim for "${v.getDotPath(principal.issues[0]) ?? 'principal'}" is malformed`);
  }
  const expiresAt = v.safeParse(EpochMs, Math.floor((claims.exp ?? -1) * 1000));
  if (!expiresAt.success) return refused('claim "exp" is malformed');
  const identity: Identity = { principal: principal.output, expiresAt: expiresAt.output };
  return { kind: 'verified', identity };
}

/**
 * A list of strings, or nothing at all. Anything else is refused, not ignored: a policy may forbid by
 * group, so a list that was misread could let someone through.
 */
function readGroups(claims: JWTPayload, claim: string): readonly string[] | string {
  // Too many groups to fit: the issuer points elsewhere instead (OpenID Connect Core 5.6.2).
  const elsewhere = claims['_claim_names'];
  if (typeof elsewhere === 'object' && elsewhere !== null && claim in elsewhere) {
    return `claim "${claim}" is not in the token but elsewhere`;
  }
  const listed = claims[claim];
  if (listed === undefined) return [];
  if (!Array.isArray(listed)) return `claim "${claim}" is not a list`;
  if (listed.length > GROUPS_MAX) return `claim "${claim}" lists more than ${GROUPS_MAX}`;
  if (!listed.every((group) => typeof group === 'string' && group !== '')) {
    return `claim "${claim}" lists something that is not a name`;
  }
  return [...new Set<string>(listed)].sort();
}

/** `act.sub` (RFC 8693 section 4.1); null without one, undefined where it cannot be read. */
function readActor(act: unknown): string | null | undefined {
  if (act === undefined) return null;
  if (typeof act !== 'object' || act === null || !('sub' in act)) return undefined;
  return typeof act.sub === 'string' && act.sub !== '' ? act.sub : undefined;
}

/** An address that the issuer says it did not verify names nobody. */
function readEmail(claims: JWTPayload): string | null {
  const email = claims['email'];
  if (typeof email !== 'string' || claims['email_verified'] === false) return null;
  return email.toLowerCase();
}

function refused(why: string): SignIn {
  return { kind: 'refused', why };
}
