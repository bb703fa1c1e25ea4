/** A verified identity. Made by `proxy/identity` from an OIDC token, and by nothing else. */
import * as v from 'valibot';
import type { EpochMs } from './brand.ts';

/** Groups of one principal. Above it, sign-in is refused: identity providers cap near it as well. */
export const GROUPS_MAX = 500;

export const PrincipalKind = v.picklist(['human', 'machine', 'agent']);
export type PrincipalKind = v.InferOutput<typeof PrincipalKind>;

export const Principal = v.strictObject({
  /** The issuer's stable identifier (`sub`). */
  subject: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  /** Lower case; null for machines without one. */
  email: v.nullable(v.pipe(v.string(), v.maxLength(320))),
  kind: PrincipalKind,
  /** Sorted, without duplicates. */
  groups: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(255))),
    v.maxLength(GROUPS_MAX),
    v.readonly(),
  ),
  /** On whose behalf an agent acts (`act.sub`, RFC 8693 section 4.1); null for anyone acting alone. */
  actor: v.nullable(v.string()),
  /** The authentication context class of the token (`acr`), '' where the issuer sends none. */
  assurance: v.string(),
});
export type Principal = v.InferOutput<typeof Principal>;

/** What a verified token says: who, and until when. A session never outlives `expiresAt`. */
export interface Identity {
  readonly principal: Principal;
  readonly expiresAt: EpochMs;
}
