/**
 * The names of things in Cedar. Every id below the target starts with the target's name and a slash,
 * so that two targets never share an entity: `Relation::"orders/public.payments"`. A target's name has
 * no slash (core/target), so the first one always ends it, whatever a hostile object name holds.
 */
import { assertNever } from '../errors.ts';
import type { ObjectKind } from '../facts.ts';
import type { Principal, PrincipalKind } from '../principal.ts';
import type { Target } from '../target.ts';
import type { Entity, EntityRef } from './language.ts';

export const NAMESPACE = 'Sallyport';

export type EntityType =
  | 'Human'
  | 'Machine'
  | 'Agent'
  | 'Group'
  | 'Target'
  | 'Schema'
  | 'Relation'
  | 'Column'
  | 'Function'
  | 'Role'
  | 'Setting';

export function ref(type: EntityType | 'Action', id: string): EntityRef {
  return { type: `${NAMESPACE}::${type}`, id };
}

const PRINCIPAL_TYPES: Readonly<Record<PrincipalKind, EntityType>> = {
  human: 'Human',
  machine: 'Machine',
  agent: 'Agent',
};

export function principalEntity(principal: Principal): Entity {
  return {
    uid: ref(PRINCIPAL_TYPES[principal.kind], principal.subject),
    attrs: {
      subject: principal.subject,
      assurance: principal.assurance,
      // An absent optional attribute is how Cedar says null.
      ...(principal.email === null ? {} : { email: principal.email }),
      ...(principal.actor === null ? {} : { actor: principal.actor }),
    },
    parents: principal.groups.map((group) => ref('Group', group)),
  };
}

export function targetEntity(target: Target): Entity {
  return {
    uid: ref('Target', target.name),
    attrs: { environment: target.environment, protocol: target.protocol },
    parents: [],
  };
}

/** An object of a command as a Cedar entity; null where its name has not the form of its kind. */
export function objectEntity(target: Target, kind: ObjectKind, name: string): Entity | null {
  switch (kind) {
    case 'target':
      // Facts name the target by its own name; any other name is not ours to judge.
      return name === target.name ? targetEntity(target) : null;
    case 'schema':
      return inTarget(target, 'Schema', name);
    case 'relation':
      return inSchema(target, 'Relation', name);
    case 'function':
      return inSchema(target, 'Function', name);
    case 'role':
      return inTarget(target, 'Role', name);
    case 'setting':
      return inTarget(target, 'Setting', name);
    default:
      return assertNever(kind);
  }
}

/** A masked column, `schema.relation.column`; core/target has checked the form. */
export function columnEntity(target: Target, column: string): Entity {
  const [schema = '', relation = '', name = ''] = column.split('.');
  return {
    uid: ref('Column', scoped(target, column)),
    attrs: { schema, relation, name },
    parents: [
      ref('Relation', scoped(target, `${schema}.${relation}`)),
      ref('Schema', scoped(target, schema)),
      ref('Target', target.name),
    ],
  };
}

function inTarget(target: Target, type: EntityType, name: string): Entity | null {
  if (name === '') return null;
  return {
    uid: ref(type, scoped(target, name)),
    attrs: { name },
    parents: [ref('Target', target.name)],
  };
}

/**
 * `schema.name` splits at exactly one dot. A quoted identifier may hold dots of its own, and then the
 * parts cannot be told apart: `a.b.c` could be in schema `a` or in schema `a.b`. Such a name is
 * refused rather than guessed, or one schema's permit would reach into another.
 */
function inSchema(target: Target, type: EntityType, name: string): Entity | null {
  const parts = name.split('.');
  const [schema, local] = parts;
  if (parts.length !== 2 || !schema || !local) return null;
  return {
    uid: ref(type, scoped(target, name)),
    attrs: { schema, name: local },
    // All ancestors are listed, so that no Schema entity has to be sent along to link them.
    parents: [ref('Schema', scoped(target, schema)), ref('Target', target.name)],
  };
}

function scoped(target: Target, name: string): string {
  return `${target.name}/${name}`;
}
