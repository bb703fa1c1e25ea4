/**
 * PostgreSQL's own parser, as WebAssembly (libpg-query), with a synchronous parse.
 *
 * The package's own entry keeps one instance for the life of the process. A stack overflow (a few
 * thousand nested subselects do it) leaves that instance damaged for good, and every later parse of
 * every session fails. So the emscripten factory is driven here directly: any exception discards the
 * instance, and a spare that was made in advance takes its place.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Node } from 'libpg-query';

/** Longest text that is parsed, in UTF-16 units: 1 MB parses in about 0.3 s of this thread. */
export const SQL_TEXT_MAX = 1_000_000;

/**
 * Deepest JSON nesting of a syntax tree, so that every walker may simply recurse. One level of grammar
 * takes two or three levels of JSON: about 400 nested expressions.
 */
const TREE_DEPTH_MAX = 1_200;

export type Parsed =
  | { readonly kind: 'tree'; readonly statements: readonly Node[] }
  | { readonly kind: 'syntax-error'; readonly message: string; readonly position: number }
  | { readonly kind: 'unreadable'; readonly message: string };

/** One token of the text; offsets are bytes of UTF-8. */
export interface Token {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly tokenName: string;
}

export interface Parser {
  /** Never throws. */
  readonly parse: (text: string) => Parsed;
  /** The tokens, comments included; null where the scanner failed. Never throws. */
  readonly scan: (text: string) => readonly Token[] | null;
}

/** What is used of the emscripten module. Pointers are byte addresses in its memory. */
interface Instance {
  readonly lengthBytesUTF8: (text: string) => number;
  readonly stringToUTF8: (text: string, pointer: number, size: number) => void;
  readonly UTF8ToString: (pointer: number) => string;
  readonly getValue: (pointer: number, type: 'i32') => number;
  readonly _malloc: (size: number) => number;
  readonly _free: (pointer: number) => void;
  readonly _wasm_parse_query_raw: (text: number) => number;
  readonly _wasm_free_parse_result: (result: number) => void;
  readonly _wasm_scan: (text: number) => number;
  readonly _wasm_free_string: (text: number) => void;
}

/** The part of the WebAssembly interface that is used: its types come with the DOM's, which is not here. */
declare const WebAssembly: {
  readonly compile: (bytes: Uint8Array) => Promise<object>;
  readonly Instance: new (module: object, imports: object) => object;
};

interface FactoryOptions {
  readonly instantiateWasm: (imports: object, done: (instance: object) => void) => void;
  readonly printErr: (line: string) => void;
}

type Factory = (options: FactoryOptions) => Promise<Instance>;

const require = createRequire(import.meta.url);

/** Resolves when the parser is ready. Rejects where the WebAssembly file cannot be read. */
export async function makeParser(): Promise<Parser> {
  const factory = require('libpg-query/wasm/libpg-query.js') as Factory;
  const compiled = await WebAssembly.compile(
    readFileSync(require.resolve('libpg-query/wasm/libpg-query.wasm')),
  );
  const instantiate = () =>
    factory({
      // Compiled once: another instance takes about a millisecond.
      instantiateWasm: (imports, done) => done(new WebAssembly.Instance(compiled, imports)),
      printErr: () => undefined,
    });
  let current: Instance | null = await instantiate();
  let spare: Instance | null = await instantiate();

  /** Fills whichever place is empty, twice where two instances were lost within one tick. */
  const refill = async (): Promise<void> => {
    while (current === null || spare === null) {
      const instance = await instantiate();
      if (current === null) current = instance;
      else spare = instance;
    }
  };
  const discard = () => {
    current = spare;
    spare = null;
    // Out of memory: the next parse finds no instance and says so. Nothing is let through.
    refill().catch(() => undefined);
  };

  return {
    parse: (text) => {
      if (text.length > SQL_TEXT_MAX) {
        return unreadable(`The statement is longer than ${SQL_TEXT_MAX} characters`);
      }
      if (text.includes('\0')) return unreadable('The statement contains a NUL character');
      if (current === null) return unreadable('The parser is restarting, try again');
      try {
        return parseWith(current, text);
      } catch {
        // Whatever it was, the instance may be damaged: a syntax error does not come this way.
        discard();
        return unreadable('The statement is nested too deeply to be read');
      }
    },
    scan: (text) => {
      if (current === null || text.length > SQL_TEXT_MAX || text.includes('\0')) return null;
      try {
        return scanWith(current, text);
      } catch {
        // As in parse.
        discard();
        return null;
      }
    },
  };
}

function unreadable(message: string): Parsed {
  return { kind: 'unreadable', message };
}

/** Layout of PgQueryParseResult and PgQueryError, pg_query.h of libpg_query, in 4-byte words. */
const RESULT = { tree: 0, error: 8 } as const;
const ERROR = { message: 0, cursorPosition: 16 } as const;

function parseWith(pg: Instance, text: string): Parsed {
  if (text === '') return { kind: 'tree', statements: [] };
  const pointer = copyIn(pg, text);
  const result = pg._wasm_parse_query_raw(pointer);
  if (result === 0) throw new Error('libpg_query is out of memory');
  const error = pg.getValue(result + RESULT.error, 'i32');
  const parsed =
    error === 0
      ? pg.UTF8ToString(pg.getValue(result + RESULT.tree, 'i32'))
      : {
          kind: 'syntax-error' as const,
          message: pg.UTF8ToString(pg.getValue(error + ERROR.message, 'i32')),
          position: Math.max(1, pg.getValue(error + ERROR.cursorPosition, 'i32')),
        };
  pg._free(pointer);
  pg._wasm_free_parse_result(result);
  return typeof parsed === 'string' ? treeOf(parsed) : parsed;
}

interface TreeJson {
  readonly stmts?: readonly { readonly stmt?: Node }[];
}

function treeOf(json: string): Parsed {
  const tree = JSON.parse(json) as TreeJson;
  if (deeperThan(tree, TREE_DEPTH_MAX)) {
    return unreadable('The statement is nested too deeply to be read');
  }
  return { kind: 'tree', statements: (tree.stmts ?? []).flatMap(({ stmt }) => stmt ?? []) };
}

/** Iterative, as the walkers that come after it need not be. */
function deeperThan(root: unknown, limit: number): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      for (const child of Object.values(value)) if (typeof child === 'object') next.push(child);
    }
    level = next;
  }
  return false;
}

function scanWith(pg: Instance, text: string): readonly Token[] | null {
  if (text === '') return [];
  const pointer = copyIn(pg, text);
  const result = pg._wasm_scan(pointer);
  const json = pg.UTF8ToString(result);
  pg._free(pointer);
  pg._wasm_free_string(result);
  // An error is a plain sentence, a result is a JSON object.
  if (!json.startsWith('{')) return null;
  return (JSON.parse(json) as { tokens?: readonly Token[] }).tokens ?? [];
}

function copyIn(pg: Instance, text: string): number {
  const bytes = pg.lengthBytesUTF8(text);
  const pointer = pg._malloc(bytes + 1);
  if (pointer === 0) throw new Error('libpg_query is out of memory');
  pg.stringToUTF8(text, pointer, bytes + 1);
  return pointer;
}
