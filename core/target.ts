/** A registered resource. Its credential is not here: it never leaves `proxy/upstream`. */
import * as v from 'valibot';

/** The content detectors, see core/masking/detect. */
export const DetectorName = v.picklist(['card', 'ssn', 'email', 'phone', 'iban', 'aws-key', 'jwt']);
export type DetectorName = v.InferOutput<typeof DetectorName>;

/** `schema.relation.column`, as the server folds names. */
export const ColumnName = v.pipe(
  v.string(),
  v.regex(/^[^.]+\.[^.]+\.[^.]+$/, 'A column is named schema.relation.column'),
);

/** How a masked column is shown. `keep-last-4` is for text; `null` is valid in any type. */
export const MaskStyle = v.picklist(['full', 'keep-last-4', 'null']);
export type MaskStyle = v.InferOutput<typeof MaskStyle>;

export const MaskedColumn = v.strictObject({
  column: ColumnName,
  style: v.optional(MaskStyle, 'full'),
});
export type MaskedColumn = v.InferOutput<typeof MaskedColumn>;

/** How sure a command's intent is before it is forwarded: decision 5 of ARCHITECTURE.md. */
export const RecordMode = v.picklist(['async', 'spool', 'sync']);
export type RecordMode = v.InferOutput<typeof RecordMode>;

export const Target = v.strictObject({
  /** What people call it: the database name that clients connect to. */
  name: v.pipe(
    v.string(),
    v.regex(/^[a-z][a-z0-9_-]{0,62}$/, 'A target name is a-z, 0-9, _ and -'),
  ),
  protocol: v.picklist(['postgres']),
  /** `prod`, `staging`, … : an attribute for policies and queries. */
  environment: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  masks: v.strictObject({
    columns: v.pipe(v.array(MaskedColumn), v.readonly()),
    detectors: v.pipe(v.array(DetectorName), v.readonly()),
  }),
  /** Functions an operator vouches for as harmless, `schema.name`. */
  safeFunctions: v.optional(v.pipe(v.array(v.string()), v.readonly()), []),
  record: v.optional(RecordMode, 'spool'),
});
export type Target = v.InferOutput<typeof Target>;
