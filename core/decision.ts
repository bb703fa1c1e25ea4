/** `allow`, `deny` or `hold`: the answer of functions/decide, and what goes with it. */
import * as v from 'valibot';
import { PolicyVersion } from './brand.ts';
import { DetectorName, MaskedColumn, RecordMode } from './target.ts';

/** What an allow demands. */
export const Obligations = v.strictObject({
  /** Columns that stay masked for this principal. */
  mask: v.pipe(v.array(MaskedColumn), v.readonly()),
  /** Columns this principal may see: their values pass the detectors too. */
  unmask: v.pipe(v.array(v.string()), v.readonly()),
  detectors: v.pipe(v.array(DetectorName), v.readonly()),
  record: RecordMode,
});
export type Obligations = v.InferOutput<typeof Obligations>;

export const Assurance = v.picklist(['slack', 'idp']);
export type Assurance = v.InferOutput<typeof Assurance>;

/** What one approval-forbid asks for. All asks of a hold must be satisfied. */
export const Ask = v.strictObject({
  policy: v.string(),
  /** Shown to the requester and on the card. */
  message: v.string(),
  /** Any of these groups may answer. */
  approvers: v.pipe(v.array(v.string()), v.minLength(1), v.readonly()),
  /** Distinct humans, from 1. */
  quorum: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10)),
  /** Seconds until the request expires unanswered. */
  expiresSeconds: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(7 * 24 * 3600)),
  assurance: Assurance,
});
export type Ask = v.InferOutput<typeof Ask>;

const common = {
  /** Ids (`@id`) of the policies that determined the answer, sorted. */
  policies: v.pipe(v.array(v.string()), v.readonly()),
  policyVersion: PolicyVersion,
  /** How long the proxy may remember this answer; 0: not at all. */
  ttlSeconds: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(3600)),
};

export const Allow = v.strictObject({
  kind: v.literal('allow'),
  ...common,
  obligations: Obligations,
});
export const Deny = v.strictObject({
  kind: v.literal('deny'),
  ...common,
  /** A sentence for the caller: what was refused, why, and what to do. */
  message: v.string(),
});
export const Hold = v.strictObject({
  kind: v.literal('hold'),
  ...common,
  asks: v.pipe(v.array(Ask), v.minLength(1), v.readonly()),
  /** What applies once the hold is lifted. */
  obligations: Obligations,
});

export const Decision = v.variant('kind', [Allow, Deny, Hold]);
export type Decision = v.InferOutput<typeof Decision>;
export type Allow = v.InferOutput<typeof Allow>;
export type Deny = v.InferOutput<typeof Deny>;
export type Hold = v.InferOutput<typeof Hold>;
