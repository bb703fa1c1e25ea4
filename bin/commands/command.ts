/** One verb of the command line; each is a file of this folder, listed in bin/sallyport.ts. */

/** 0: done. 1: the answer is no. 2: bad usage. */
export type ExitStatus = 0 | 1 | 2;

export interface Io {
  /** Standard output and standard error: whole lines; a missing newline at the end is added. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** The clone's root: where `.sallyport/` is. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface CliCommand {
  readonly name: string;
  /** One line for `sallyport --help`. */
  readonly summary: string;
  /** Printed by `sallyport NAME --help`: synopsis, options, an example, exit status. */
  readonly help: string;
  readonly run: (args: readonly string[], io: Io) => Promise<ExitStatus>;
}

/** Thrown for wrong arguments: printed with the command's help hint, exit status 2. */
export class UsageError extends Error {}
