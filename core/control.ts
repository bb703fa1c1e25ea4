/**
 * What every task of the fleet polls: which policies are published, and who is shut out. Two items of
 * the table, read together; whoever publishes or revokes writes them.
 */
import * as v from 'valibot';
import { EpochMs, PolicyVersion } from './brand.ts';

export const POLICY_KEY = { pk: { S: 'POLICY' }, sk: { S: 'CURRENT' } } as const;
export const REVOKED_KEY = { pk: { S: 'REVOKED#ALL' }, sk: { S: 'LIST' } } as const;

/** An item holds 400 KB (DynamoDB quotas); a revocation lasts as long as the tokens it shuts out. */
export const REVOCATIONS_MAX = 1_000;

/** Shuts out a principal, by subject, or one session. Both for good until `until`. */
export const Revocation = v.strictObject({
  kind: v.picklist(['principal', 'session']),
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  until: EpochMs,
});
export type Revocation = v.InferOutput<typeof Revocation>;

export const ControlState = v.strictObject({
  /** null before the first publication: then the version is what functions/decide was deployed with. */
  policyVersion: v.nullable(PolicyVersion),
  revocations: v.pipe(v.array(Revocation), v.maxLength(REVOCATIONS_MAX), v.readonly()),
});
export type ControlState = v.InferOutput<typeof ControlState>;
