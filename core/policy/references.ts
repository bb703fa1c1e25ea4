/**
 * What Cedar's validator does not check: the ids inside a policy. `Relation::"public.payments"` is
 * well typed and matches nothing, and a forbid that matches nothing protects nothing.
 */
import { NAMESPACE } from './entities.ts';
import type { PolicyJson } from './language.ts';

/** Names that exist, where the caller knows them; null skips the check. */
export interface Known {
  readonly groups: readonly string[] | null;
  readonly targets: readonly string[] | null;
}

export interface ReferenceProblem {
  readonly message: string;
  readonly fix: string;
}

interface Reference {
  readonly type: string;
  readonly id: string;
}

/** How ids below a target look; the part after the slash never starts or ends with a dot. */
const FORMS: Readonly<Record<string, { readonly form: RegExp; readonly example: string }>> = {
  Target: { form: /^[a-z][a-z0-9_-]{0,62}$/, example: 'orders' },
  Schema: { form: /^[^/]+\/[^.]+$/, example: 'orders/public' },
  Relation: { form: /^[^/]+\/[^.]+\.[^.]+$/, example: 'orders/public.payments' },
  Function: { form: /^[^/]+\/[^.]+\.[^.]+$/, example: 'orders/public.purge_old_orders' },
  Column: {
    form: /^[^/]+\/[^.]+\.[^.]+\.[^.]+$/,
    example: 'orders/public.payments.card_number',
  },
  Role: { form: /^[^/]+\/.+$/, example: 'orders/admin' },
  Setting: { form: /^[^/]+\/[a-z].*$/, example: 'orders/timezone' },
};

export function checkReferences(
  policy: PolicyJson,
  approvers: readonly string[],
  known: Known,
): readonly ReferenceProblem[] {
  const references = collect([policy.principal, policy.action, policy.resource, policy.conditions]);
  const groups = references.filter(({ type }) => type === `${NAMESPACE}::Group`);
  return [
    ...references.flatMap((reference) => checkForm(reference, known.targets)),
    ...[...groups.map(({ id }) => id), ...approvers].flatMap((id) => checkGroup(id, known.groups)),
  ];
}

/** An approval is asked of commands: there is nobody to hold at login, and a mask is not held. */
export function checkApprovalScope(policy: PolicyJson): readonly ReferenceProblem[] {
  const actions = collect([policy.action]).map(({ id }) => id);
  if (actions.length === 0) {
    return [
      {
        message: '@approval on a policy for every action would hold sign-in too',
        fix: 'Name the actions: action in [Sallyport::Action::"update", …]',
      },
    ];
  }
  return actions
    .filter((id) => id === 'connect' || id === 'unmask')
    .map((id) => ({
      message: `@approval on the action ${id}: only commands can be held`,
      fix: `Remove ${id} from its actions, or remove @approval`,
    }));
}

function checkForm({ type, id }: Reference, targets: Known['targets']): ReferenceProblem[] {
  const name = type.slice(`${NAMESPACE}::`.length);
  const rule = FORMS[name];
  if (rule === undefined) return [];
  if (!rule.form.test(id)) {
    return [
      {
        message: `${name}::"${id}" can never match: its id has not the form of a ${name}`,
        fix: `Write it like ${name}::"${rule.example}"`,
      },
    ];
  }
  const target = id.split('/', 1)[0] ?? '';
  if (targets === null || targets.includes(target)) return [];
  return [{ message: `Unknown target ${target}`, fix: `Use one of ${targets.join(', ')}` }];
}

function checkGroup(id: string, groups: Known['groups']): ReferenceProblem[] {
  if (groups === null || groups.includes(id)) return [];
  return [{ message: `Unknown group ${id}`, fix: `Use one of ${groups.join(', ')}` }];
}

/** Every entity in Cedar's JSON: `{type, id}` in the scope, `{__entity: {type, id}}` in conditions. */
function collect(node: unknown): Reference[] {
  if (Array.isArray(node)) return node.flatMap(collect);
  if (typeof node !== 'object' || node === null) return [];
  if (isReference(node)) return [node];
  return Object.values(node).flatMap(collect);
}

function isReference(node: object): node is Reference {
  return (
    'type' in node && 'id' in node && typeof node.type === 'string' && typeof node.id === 'string'
  );
}
