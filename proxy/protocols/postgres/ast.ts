/**
 * Reading the parser's tree. A node is an object with one key, its name in PostgreSQL's grammar
 * (src/include/nodes/parsenodes.h), as in `{ "ColumnRef": { … } }`. Fields at their zero value are absent.
 */
import type { Node } from 'libpg-query';

export type { Node };

/** The body of the nodes that have a name. */
export type NodeOf<Name extends string> =
  Extract<Node, Record<Name, unknown>> extends infer N
    ? N extends Record<Name, infer Body>
      ? Body
      : never
    : never;

/** A node's name and its body. */
export function nameOf(node: Node): string {
  for (const name in node) return name;
  return '';
}

/** The body of a node of any name: unknown, because a union of objects has no common key to read it by. */
export function bodyOf(node: Node): unknown {
  return Object.values(node)[0];
}

/** The body where the node has that name, else null. */
export function as<Name extends string>(name: Name, node: Node | undefined): NodeOf<Name> | null {
  if (node === undefined || !(name in node)) return null;
  return (node as Record<string, unknown>)[name] as NodeOf<Name>;
}

/** The text of a String node, '' for any other. */
export function stringOf(node: Node | undefined): string {
  return as('String', node)?.sval ?? '';
}

/** A dotted name's parts: `{"String": …}` nodes. */
export function partsOf(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).map(stringOf);
}

export type Constant =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'number' | 'string' | 'bits'; readonly text: string };

/** What an A_Const says; null for any other node. */
export function constantOf(node: Node | undefined): Constant | null {
  const constant = as('A_Const', node);
  if (constant === null) return null;
  if (constant.isnull) return { kind: 'null' };
  if (constant.boolval !== undefined) {
    return { kind: 'boolean', value: constant.boolval.boolval ?? false };
  }
  if (constant.ival !== undefined) return { kind: 'number', text: `${constant.ival.ival ?? 0}` };
  if (constant.fval !== undefined) return { kind: 'number', text: constant.fval.fval ?? '0' };
  if (constant.bsval !== undefined) return { kind: 'bits', text: constant.bsval.bsval ?? '' };
  return { kind: 'string', text: constant.sval?.sval ?? '' };
}

/** Without the casts around it: `'x'::text` is `'x'`. */
export function withoutCasts(node: Node): Node {
  let inner = node;
  for (let cast = as('TypeCast', inner); cast?.arg !== undefined; cast = as('TypeCast', inner)) {
    inner = cast.arg;
  }
  return inner;
}

/** The nodes directly inside a node, whatever its kind: wrapped ones, and those in lists and plain structs. */
export function* childrenOf(body: unknown): Generator<Node> {
  if (typeof body !== 'object' || body === null) return;
  for (const value of Array.isArray(body) ? body : Object.values(body)) {
    if (isNode(value)) yield value;
    else yield* childrenOf(value);
  }
}

/** Every node in a tree, itself included, iteratively. */
export function* nodesWithin(root: Node): Generator<Node> {
  const waiting: Node[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    waiting.push(...childrenOf(bodyOf(node)));
  }
}

/** Names of nodes begin with a capital, names of fields do not. */
export function isNode(value: unknown): value is Node {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const [name, other] = Object.keys(value);
  return other === undefined && name !== undefined && name >= 'A' && name < '[';
}
